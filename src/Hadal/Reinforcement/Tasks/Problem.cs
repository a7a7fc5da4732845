namespace Hadal.Reinforcement.Tasks;

/// <summary>One question with a checkable answer.</summary>
/// <param name="Prompt">What the model is asked.</param>
/// <param name="Answer">What the task's verifier compares with: the gold answer, or where many answers are right one of them.</param>
public record Problem(string Prompt, string Answer);

/// <summary>
/// An answer with the way to it: text to start a model on before it is reinforced (R1's cold start, arXiv 2501.12948, section 2.3.1).
/// </summary>
/// <param name="Reasoning">What stands between the think tags.</param>
/// <param name="Answer">What stands between the answer tags.</param>
public sealed record WorkedSolution(string Reasoning, string Answer);

/// <summary>
/// Which side of the fence a problem stands on. Each task names a key of a problem, and the key's hash alone decides the side, so that
/// no seed, order or number of problems can bring a held-out problem into training.
/// </summary>
public enum ProblemSplit
{
    /// <summary>May be trained on: seven of eight keys.</summary>
    Training,

    /// <summary>Must never be trained on: one of eight keys.</summary>
    HeldOut,
}
