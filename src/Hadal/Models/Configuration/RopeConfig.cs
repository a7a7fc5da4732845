using System.Globalization;

namespace Hadal.Models;

/// <summary>How rotary frequencies follow from the position: the <c>rope_scaling</c> of config.json.</summary>
public enum RopeKind
{
    /// <summary>Unscaled (Su et al. 2021).</summary>
    Default,

    /// <summary>All frequencies divided by one factor (position interpolation, Chen et al. 2023).</summary>
    Linear,

    /// <summary>NTK-by-parts with a ramp between two wavelengths (Peng et al. 2023).</summary>
    Yarn,

    /// <summary>The Llama 3.1 rule: long wavelengths divided by the factor, short ones kept, a smooth step between.</summary>
    Llama3,
}

/// <summary>Settings of the rotary embedding.</summary>
public sealed record RopeConfig
{
    /// <summary>Which rule.</summary>
    public RopeKind Kind { get; init; }

    /// <summary>The base of the frequencies, <c>rope_theta</c>.</summary>
    public double Theta { get; init; } = 10000;

    /// <summary>By how much the context is extended.</summary>
    public double Factor { get; init; } = 1;

    /// <summary>Context length before the extension.</summary>
    public int OriginalMaxPositions { get; init; }

    /// <summary>YaRN: rotations within the original context above which a frequency is kept.</summary>
    public double BetaFast { get; init; } = 32;

    /// <summary>YaRN: rotations within the original context below which a frequency is divided by the factor.</summary>
    public double BetaSlow { get; init; } = 1;

    /// <summary>YaRN: numerator of the attention factor, if given.</summary>
    public double? Mscale { get; init; }

    /// <summary>YaRN: denominator of the attention factor, and the source of DeepSeek's softmax scale, if given.</summary>
    public double? MscaleAllDim { get; init; }

    /// <summary>YaRN: the attention factor itself, if given.</summary>
    public double? AttentionFactor { get; init; }

    /// <summary>YaRN: whether the ends of the ramp are rounded outwards to whole dimensions.</summary>
    public bool Truncate { get; init; } = true;

    /// <summary>Llama 3: wavelengths longer than the original context divided by this are divided by the factor.</summary>
    public double LowFrequencyFactor { get; init; } = 1;

    /// <summary>Llama 3: wavelengths shorter than the original context divided by this are kept.</summary>
    public double HighFrequencyFactor { get; init; } = 4;

    internal static RopeConfig Read(ConfigReader config, int maxPositions)
    {
        // transformers 5 moved rope_theta and rope_scaling into one object.
        ConfigReader? parameters = config.Object("rope_parameters");
        ConfigReader? scaling = parameters ?? config.Object("rope_scaling");
        double theta = config.Real("rope_theta", 10000);
        theta = parameters?.OptionalReal("rope_theta") ?? theta;
        RopeConfig plain = new() { Theta = theta, OriginalMaxPositions = maxPositions };
        config.Require(theta > 1, "rope_theta", $"{theta}", "more than 1");
        _ = config.Has("rope_scaling"); // rope_parameters wins, and the older key isn't written beside what it says
        if (scaling is null) return plain;

        NeutralKeys.CheckFactors(scaling);
        string key = scaling.Has("rope_type") ? "rope_type" : "type";
        RopeKind kind = scaling.Choice(
            key, RopeKind.Default, ("default", RopeKind.Default), ("linear", RopeKind.Linear), ("yarn", RopeKind.Yarn), ("llama3", RopeKind.Llama3));
        scaling.Require(scaling.Has(key) || parameters is not null, "rope_type", "nothing", "'default', 'linear', 'yarn' or 'llama3'");
        RopeConfig scaled = kind == RopeKind.Default ? plain : plain with { Kind = kind, Factor = scaling.Real("factor") };
        return kind switch
        {
            RopeKind.Yarn => ReadYarn(scaling, scaled, maxPositions),
            RopeKind.Llama3 => ReadLlama3(scaling, scaled),
            _ => scaled,
        };
    }

    private static RopeConfig ReadYarn(ConfigReader scaling, RopeConfig scaled, int maxPositions)
    {
        RopeConfig config = scaled with
        {
            OriginalMaxPositions = scaling.Positive("original_max_position_embeddings", maxPositions, int.MaxValue),
            BetaFast = scaling.Real("beta_fast", 32),
            BetaSlow = scaling.Real("beta_slow", 1),
            Mscale = scaling.OptionalReal("mscale", orZero: true),
            MscaleAllDim = scaling.OptionalReal("mscale_all_dim", orZero: true),
            AttentionFactor = scaling.OptionalReal("attention_factor"),
            Truncate = scaling.Flag("truncate", true),
        };
        scaling.Require(config.BetaFast > config.BetaSlow, "beta_fast", $"{config.BetaFast}", $"more than beta_slow, {config.BetaSlow}");

        // With only one of the two DeepSeek's code takes the other for its default and transformers ignores the one.
        bool both = config is { Mscale: > 0, MscaleAllDim: > 0 }, neither = config is { Mscale: null or 1, MscaleAllDim: null or 0 };
        scaling.Require(
            both || neither || config.AttentionFactor is not null, "mscale", $"{config.Mscale?.ToString(CultureInfo.InvariantCulture) ?? "nothing"}",
            "a positive number, and mscale_all_dim with it: implementations differ on one alone");
        return config;
    }

    private static RopeConfig ReadLlama3(ConfigReader scaling, RopeConfig scaled)
    {
        RopeConfig config = scaled with
        {
            OriginalMaxPositions = scaling.Positive("original_max_position_embeddings", most: int.MaxValue),
            LowFrequencyFactor = scaling.Real("low_freq_factor"),
            HighFrequencyFactor = scaling.Real("high_freq_factor"),
        };
        scaling.Require(
            config.HighFrequencyFactor > config.LowFrequencyFactor, "high_freq_factor",
            $"{config.HighFrequencyFactor}", $"more than low_freq_factor, {config.LowFrequencyFactor}");
        return config;
    }
}
