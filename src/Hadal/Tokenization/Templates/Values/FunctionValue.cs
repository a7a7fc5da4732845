using Hadal.Tokenization.Templates.Evaluation;

namespace Hadal.Tokenization.Templates.Values;

/// <summary>What a template can call: a global function, a method with its subject, or a macro.</summary>
internal sealed class FunctionValue(string name, Func<Run, Arguments, Value> call) : Value
{
    public string Name { get; } = name;

    public override string TypeName => "function";

    public Value Call(Run run, Arguments arguments) => call(run, arguments);
}
