namespace Hadal.Inference;

/// <summary>A schema can't be followed. The message is one sentence that names the place and what is wrong there.</summary>
public sealed class JsonSchemaException : Exception
{
    /// <summary>Describes a problem.</summary>
    /// <param name="pointer">The place in the schema, a JSON pointer as a URI fragment (RFC 6901, section 6).</param>
    /// <param name="problem">The rest of the sentence, without its full stop.</param>
    public JsonSchemaException(string pointer, string problem)
        : base($"The JSON schema at {pointer}: {problem}.") => Pointer = pointer;

    /// <summary>The place in the schema.</summary>
    public string Pointer { get; }
}
