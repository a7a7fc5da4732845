using BenchmarkDotNet.Running;
using Hadal.Benchmarks.OneDnn;

if (args is ["onednn"]) return OneDnnComparison.Run();
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
return 0;
