namespace Hadal.Models;

/// <summary>A config.json that can't be used; the message is one sentence that names the file, the key, what was found and what was expected.</summary>
public sealed class ConfigurationException : Exception
{
    /// <summary>Makes the error.</summary>
    public ConfigurationException(string message) : base(message)
    {
    }

    /// <summary>Makes the error with its cause.</summary>
    public ConfigurationException(string message, Exception inner) : base(message, inner)
    {
    }
}
