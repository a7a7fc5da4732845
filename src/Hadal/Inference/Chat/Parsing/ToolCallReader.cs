namespace Hadal.Inference.Chat.Parsing;

/// <summary>Finds the calls of tools in what an assistant says, while it is written. For one response.</summary>
internal abstract class ToolCallReader
{
    /// <summary>Takes more text; adds what is certain now.</summary>
    public abstract void Add(string text, List<ResponsePart> parts);

    /// <summary>Ends the text; adds what was held back.</summary>
    public abstract void Finish(List<ResponsePart> parts);
}
