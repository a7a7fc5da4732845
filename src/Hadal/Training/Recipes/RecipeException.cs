namespace Hadal.Training;

/// <summary>A recipe that can't be used: one sentence that names the file, the key, what was found and what was expected.</summary>
public sealed class RecipeException : Exception
{
    /// <summary>Makes the exception.</summary>
    public RecipeException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
