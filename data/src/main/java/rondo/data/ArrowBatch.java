package rondo.data;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Type;
import org.apache.arrow.flatbuf.Union;
import org.apache.arrow.flatbuf.UnionMode;

/**
 * The columns of one record batch: its buffers lie one after the other as the schema's fields do,
 * depth first, so all are gone through to find one.
 */
final class ArrowBatch {
  private final RecordBatch batch;
  private final MemorySegment body;
  private int buffer;
  private int variadic;

  private ArrowBatch(RecordBatch batch, MemorySegment body) {
    this.batch = batch;
    this.body = body;
  }

  /** The columns by name; of two that are called the same the first. */
  static Map<String, ArrowVector> columns(Schema schema, RecordBatch batch, MemorySegment body) {
    ArrowBatch reader = new ArrowBatch(batch, body);
    Map<String, ArrowVector> columns = new LinkedHashMap<>();
    for (int i = 0; i < schema.fieldsLength(); i++) {
      Field field = schema.fields(i);
      columns.putIfAbsent(String.valueOf(field.name()), reader.vector(field));
    }
    return columns;
  }

  private ArrowVector vector(Field field) {
    if (field.dictionary() != null) { // of numbers that stand for values of the field's type
      return other(2);
    }
    return switch (field.typeType()) {
      case Type.Int ->
          field.type(new Int()) instanceof Int type
              ? new ArrowVector.Numbers(validity(), next(), type.bitWidth(), type.isSigned())
              : other(2);
      case Type.Utf8 -> new ArrowVector.Texts(validity(), offsets(false), next());
      case Type.LargeUtf8 -> new ArrowVector.Texts(validity(), offsets(true), next());
      case Type.List, Type.Map -> new ArrowVector.Lists(validity(), offsets(false), items(field));
      case Type.LargeList -> new ArrowVector.Lists(validity(), offsets(true), items(field));
      case Type.Struct_ -> structs(field);
      case Type.FixedSizeList -> within(field, 1);
      case Type.ListView, Type.LargeListView -> within(field, 3);
      case Type.RunEndEncoded -> within(field, 0);
      case Type.Union -> {
        boolean dense = field.type(new Union()) instanceof Union u && u.mode() == UnionMode.Dense;
        yield within(field, dense ? 2 : 1);
      }
      case Type.Null -> other(0);
      case Type.Binary, Type.LargeBinary -> other(3);
      case Type.Utf8View, Type.BinaryView ->
          other(2 + Math.toIntExact(batch.variadicBufferCounts(variadic++)));
      default -> other(2);
    };
  }

  private ArrowVector items(Field field) {
    if (field.childrenLength() != 1) {
      throw new IndexOutOfBoundsException("a list of " + field.childrenLength() + " kinds");
    }
    return vector(field.children(0));
  }

  private ArrowVector structs(Field field) {
    ArrowVector.Validity validity = validity();
    List<String> names = new ArrayList<>();
    List<ArrowVector> fields = new ArrayList<>();
    for (int i = 0; i < field.childrenLength(); i++) {
      Field child = field.children(i);
      names.add(String.valueOf(child.name()));
      fields.add(vector(child));
    }
    return new ArrowVector.Structs(validity, names, fields);
  }

  /** What has so many buffers of its own before those of its children. */
  private ArrowVector within(Field field, int own) {
    ArrowVector passed = other(own);
    for (int i = 0; i < field.childrenLength(); i++) {
      vector(field.children(i));
    }
    return passed;
  }

  private ArrowVector other(int buffers) {
    buffer = Math.addExact(buffer, buffers);
    return new ArrowVector.Other();
  }

  private ArrowVector.Validity validity() {
    return new ArrowVector.Validity(next());
  }

  private ArrowVector.Offsets offsets(boolean large) {
    return new ArrowVector.Offsets(next(), large);
  }

  private MemorySegment next() {
    if (buffer >= batch.buffersLength()) {
      throw new IndexOutOfBoundsException("fewer buffers than the schema has");
    }
    Buffer found = batch.buffers(buffer++);
    return body.asSlice(found.offset(), found.length());
  }
}
