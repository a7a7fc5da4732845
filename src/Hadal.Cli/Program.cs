using Hadal.Cli;

return CommandLine.Run(args);
