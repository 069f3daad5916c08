package rondo.engine.plain;

import rondo.engine.nativelib.Functions;

/** What the families of operations share: the instance's scratch. */
interface Plain extends Functions {
  Rows rows();
}
