using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Checkpoints.Parity;

/// <summary>What to compare, and how closely.</summary>
public sealed record ParityOptions
{
    /// <summary>Bound on the absolute difference of F32 logits; other results get the same times their largest magnitude, if above 1.</summary>
    public double Tolerance { get; init; } = 1e-4;

    /// <summary>Bound on the relative L2 norm of the difference of a gradient.</summary>
    public double GradientTolerance { get; init; } = 1e-4;

    /// <summary>Saved forward results with <c>input_ids</c>.</summary>
    public string? Expected { get; init; }

    /// <summary>Saved gradients, for the ids of <see cref="Expected"/>.</summary>
    public string? Gradients { get; init; }

    /// <summary>A saved greedy continuation.</summary>
    public string? Decode { get; init; }

    /// <summary>The form of latent attention in the forward comparison.</summary>
    public MlaForm? Form { get; init; }
}

/// <summary>Compares what this build computes from a checkpoint with what another implementation computed from it.</summary>
public static class ParityCheck
{
    /// <summary>Runs the comparisons that the options name files for.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="options">What to compare.</param>
    /// <param name="workers">Threads to use.</param>
    /// <param name="reading">Told how many of how many parameters have been read.</param>
    /// <exception cref="ConfigurationException">config.json can't be used.</exception>
    /// <exception cref="CheckpointException">A file is missing or can't be used.</exception>
    public static ParityReport Run(string folder, ParityOptions options, WorkerPool workers, Action<long, long>? reading = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        using Transformer model = ModelReader.Read(folder, trainable: options.Gradients is not null, progress: reading);
        List<ParityReport> reports = [];
        if (options.Expected is { } expected) reports.Add(ForwardParity.Run(model, expected, options.Tolerance, options.Form, workers));
        if (options.Gradients is { } gradients)
        {
            string ids = options.Expected ?? throw new ArgumentException("gradients need the saved results with their input_ids", nameof(options));
            reports.Add(GradientParity.Run(model, ids, gradients, options.Tolerance, options.GradientTolerance, workers));
        }

        if (options.Decode is { } decode) reports.Add(DecodeParity.Run(model, decode, workers));
        return new ParityReport([.. reports.SelectMany(r => r.Rows)], [.. reports.SelectMany(r => r.NotCompared)]);
    }
}
