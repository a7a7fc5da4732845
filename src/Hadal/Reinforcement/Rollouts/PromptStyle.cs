namespace Hadal.Reinforcement.Rollouts;

/// <summary>How a question becomes a prompt.</summary>
public enum PromptStyle
{
    /// <summary>The question, a line break, and <c>&lt;think&gt;</c>: for base models that were pretrained on text of this form.</summary>
    Plain,

    /// <summary>R1-Zero's words around the question (DeepSeek-R1, arXiv 2501.12948, table 1): for base models that read English.</summary>
    R1Zero,

    /// <summary>The model's chat template with the question as the user's turn.</summary>
    Chat,

    /// <summary>The question and a line break: for models that answer without tags or template.</summary>
    Line,
}
