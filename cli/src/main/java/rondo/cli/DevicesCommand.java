package rondo.cli;

import picocli.CommandLine.Command;
import rondo.engine.device.Devices;

/** What can be used here, and if not, why. */
@Command(
    name = "devices",
    sortOptions = false,
    description = "Show which devices can be used here and, if one cannot, why.",
    footer = {"", "Example:", "  rondo devices --json"})
final class DevicesCommand extends Work {
  @Override
  void run(Console console) {
    var reports = Devices.list();
    var auto = reports.stream().filter(Devices.Report::usable).findFirst().orElseThrow();
    int processors = Runtime.getRuntime().availableProcessors();
    long heap = Runtime.getRuntime().maxMemory();
    var jvm = System.getProperty("java.vm.name") + " " + Runtime.version();
    var system = System.getProperty("os.name") + " " + System.getProperty("os.arch");

    var table = new TextTable("device", "", "").align("lll");
    var json = Console.object();
    var list = json.putArray("devices");
    for (var report : reports) {
      boolean chosen = report.equals(auto);
      table.row(report.name(), chosen ? "auto" : report.usable() ? "usable" : "—", report.detail());
      list.addObject()
          .put("name", report.name())
          .put("usable", report.usable())
          .put("detail", report.detail());
    }
    json.put("auto", auto.name());
    json.put("processors", processors);
    json.put("jvm", jvm);
    json.put("system", system);
    json.put("heap_bytes", heap);
    var about =
        new TextTable()
            .align("ll")
            .row("processors", processors + ", a thread each unless --threads says otherwise")
            .row("JVM", jvm + ", " + system)
            .row("Java heap", "at most " + Numbers.bytes(heap) + "; tensors live outside it");
    console.text(table + "\n\n" + about);
    console.json(json);
  }
}
