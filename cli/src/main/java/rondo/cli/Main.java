package rondo.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The program {@code rondo}. */
@Command(
    name = "rondo",
    version = "rondo 0.1.0",
    synopsisSubcommandLabel = "COMMAND",
    description = "Depth-recurrent language models on the JVM.",
    optionListHeading = "%n",
    commandListHeading = "%nCommands:%n",
    footer = {
      "",
      "Example:",
      "  rondo plan --model llama3.2-4-6-4",
      "",
      "rondo COMMAND --help tells more. Exit codes: 0 done, 1 the work failed, 2 the call was wrong."
    },
    subcommands = {
      PlanCommand.class,
      RetrofitCommand.class,
      TrainCommand.class,
      PackCommand.class,
      LossCommand.class,
      LogitsCommand.class,
      PlotCommand.class,
      ExportCommand.class,
      AverageCommand.class,
      QuickstartCommand.class,
      StudyCommand.class,
      DevicesCommand.class
    })
public final class Main implements Runnable {
  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help.")
  boolean help;

  @Option(
      names = {"-V", "--version"},
      versionHelp = true,
      description = "Show the version.")
  boolean version;

  @Spec private final CommandSpec spec = CommandSpec.create();

  private Main() {}

  public static void main(String[] args) {
    var out = writer(FileDescriptor.out);
    var err = writer(FileDescriptor.err);
    int code = run(out, err, args);
    out.flush();
    err.flush();
    System.exit(code);
  }

  /** Always UTF-8: a JSON document must not depend on the locale. */
  private static PrintWriter writer(FileDescriptor file) {
    var bytes = new OutputStreamWriter(new FileOutputStream(file), StandardCharsets.UTF_8);
    return new PrintWriter(bytes, true);
  }

  /** Runs one command; returns the exit code. */
  static int run(PrintWriter out, PrintWriter err, String... args) {
    var failures = new Failures(err);
    var commands =
        new CommandLine(new Main())
            .setOut(out)
            .setErr(err)
            .setUsageHelpWidth(100)
            .setUsageHelpLongOptionsMaxWidth(34)
            .setCaseInsensitiveEnumValuesAllowed(true)
            .setParameterExceptionHandler(failures)
            .setExecutionExceptionHandler(failures);
    commands.getSubcommands().values().forEach(command -> spread(command.getCommandSpec()));
    try {
      return commands.execute(args);
    } catch (OutOfMemoryError e) {
      return failures.outOfMemory(e);
    }
  }

  /** A blank line before what a command has of its own. */
  private static void spread(CommandSpec command) {
    if (!command.positionalParameters().isEmpty()) {
      command.usageMessage().parameterListHeading("%n");
    }
    if (command.options().stream().anyMatch(option -> option.group() == null)) {
      command.usageMessage().optionListHeading("%n");
    }
  }

  @Override
  public void run() {
    throw new CommandLine.ParameterException(
        spec.commandLine(),
        "no command; expected one of " + String.join(", ", spec.subcommands().keySet()));
  }
}
