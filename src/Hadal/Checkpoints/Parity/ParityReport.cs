namespace Hadal.Checkpoints.Parity;

/// <summary>One comparison of what this build computes with what another implementation saved.</summary>
/// <param name="Name">What was compared.</param>
/// <param name="Measure">What <paramref name="Found"/> counts: <c>max abs</c>, <c>rel L2</c>, <c>rows that differ</c> or <c>ids that differ</c>.</param>
/// <param name="Found">The measure.</param>
/// <param name="Bound">The largest value that passes.</param>
public sealed record ParityRow(string Name, string Measure, double Found, double Bound)
{
    /// <summary>Largest absolute difference, where numbers were compared.</summary>
    public double? MaxAbsolute { get; init; }

    /// <summary>Largest absolute difference divided by the largest expected magnitude, where numbers were compared.</summary>
    public double? MaxRelative { get; init; }

    /// <summary>Share of positions whose arg-max agrees, for logits.</summary>
    public double? ArgMaxAgreement { get; init; }

    /// <summary>Whether the difference is within the bound; one that is infinite or not a number never is, whatever the bound.</summary>
    public bool Passed => double.IsFinite(Found) && Found <= Bound;
}

/// <summary>All comparisons of one run.</summary>
/// <param name="Rows">The comparisons in order.</param>
/// <param name="NotCompared">Saved results that this build has no counterpart for.</param>
public sealed record ParityReport(IReadOnlyList<ParityRow> Rows, IReadOnlyList<string> NotCompared)
{
    /// <summary>Whether anything was compared and everything passed.</summary>
    public bool Passed => Rows.Count > 0 && Rows.All(row => row.Passed);
}
