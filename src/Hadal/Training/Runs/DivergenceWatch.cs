namespace Hadal.Training;

/// <summary>The loss or the gradients are no longer numbers, or no longer of the size that training can go on from.</summary>
public sealed class TrainingDivergedException : Exception
{
    /// <summary>Makes the exception.</summary>
    public TrainingDivergedException(string message)
        : base(message)
    {
    }
}

/// <summary>
/// Decides when a run has diverged. A single large gradient is clipped and forgotten; a norm far beyond what was usual, step after step, or
/// one that is no number, is not something that more steps repair.
/// </summary>
/// <param name="factor">How many times the usual norm is too much; 0 for any finite norm being fine.</param>
internal sealed class DivergenceWatch(double factor)
{
    private const int Window = 100, LeastHistory = 20, StepsInARow = 10;
    private readonly Queue<double> _norms = [];
    private int _exploded;

    /// <summary>Norms of the latest steps that were usual, the oldest first: what a saved state keeps.</summary>
    public IReadOnlyList<double> Norms => [.. _norms];

    /// <summary>Steps in a row with a norm too large.</summary>
    public int Exploded => _exploded;

    /// <summary>Goes on from a saved state.</summary>
    public void Restore(IEnumerable<double> norms, int exploded)
    {
        _norms.Clear();
        foreach (double norm in norms) _norms.Enqueue(norm);
        _exploded = exploded;
    }

    /// <summary>Takes in a step's norm; says what is wrong, or null.</summary>
    public string? Observe(double norm)
    {
        double usual = _norms.Count < LeastHistory ? 0 : _norms.Order().ElementAt(_norms.Count / 2);
        if (factor > 0 && usual > 0 && norm > factor * usual)
        {
            // Norms that are not usual don't enter the window, or they would soon be.
            return ++_exploded < StepsInARow ? null
                : $"the gradient norm is {norm:G4}, for {StepsInARow} steps more than {factor:G4} times the {usual:G4} that was usual before";
        }

        _exploded = 0;
        _norms.Enqueue(norm);
        if (_norms.Count > Window) _norms.Dequeue();
        return null;
    }
}
