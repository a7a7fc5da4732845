using System.Text.Json.Nodes;
using Hadal.Data;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Training;

/// <summary>
/// Everything that decides what a run of next-token training computes: pretraining on text, or supervised fine-tuning where the data are
/// conversations. Written beside the run as it is used, so that a run can be repeated from its folder.
/// </summary>
public sealed record TrainingRecipe
{
    /// <summary>What the recipe is for, in words.</summary>
    public string? Description { get; init; }

    /// <summary>The folder that the run makes.</summary>
    public required string Output { get; init; }

    /// <summary>Decides the initial weights, the order of the data and the samples.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>The model to train.</summary>
    public required ModelSource Model { get; init; }

    /// <summary>The tokenizer; by default the model's own.</summary>
    public TokenizerSource? Tokenizer { get; init; }

    /// <summary>What to train on, and what to hold out.</summary>
    public required DataOptions Data { get; init; }

    /// <summary>How much of it makes a step.</summary>
    public BatchOptions Batch { get; init; } = new();

    /// <summary>Steps to take. Exactly one of this and <see cref="Epochs"/> is given.</summary>
    public int? Steps { get; init; }

    /// <summary>Passes over the training tokens, rounded up to whole steps.</summary>
    public double? Epochs { get; init; }

    /// <summary>
    /// The type that matrices and the factors of products are rounded to; products accumulate in F32, and the optimiser keeps F32 weights.
    /// Router, norms and losses stay F32 (DeepSeek-V3, section 3.3.1, keeps them high). F8 rounds the factors of linear layers and experts to E4M3;
    /// matrices are held, and all other products computed, as with BF16.
    /// </summary>
    public ProductPrecision Precision { get; init; } = ProductPrecision.BF16;

    /// <summary>Whether cheap activations are computed again in backward instead of being kept (DeepSeek-V3, section 3.2.3).</summary>
    public bool Recompute { get; init; }

    /// <summary>The optimiser.</summary>
    public OptimizerOptions Optimizer { get; init; } = new();

    /// <summary>The learning rate by step.</summary>
    public LearningRateOptions LearningRate { get; init; } = new();

    /// <summary>The parts of the loss.</summary>
    public ObjectiveOptions Objective { get; init; } = new();

    /// <summary>A model whose distributions are learnt beside the data; without it there is none.</summary>
    public TeacherOptions? Teacher { get; init; }

    /// <summary>Load balancing without a loss.</summary>
    public BiasUpdateOptions Balancing { get; init; } = new();

    /// <summary>An exponential moving average of the weights, which is then what is measured and written; without it there is none.</summary>
    public WeightAverageOptions? Average { get; init; }

    /// <summary>When to measure the held-out loss.</summary>
    public EvaluationOptions Evaluation { get; init; } = new();

    /// <summary>When to let the model write.</summary>
    public SampleOptions Samples { get; init; } = new();

    /// <summary>When to save.</summary>
    public CheckpointOptions Checkpoints { get; init; } = new();

    /// <summary>When to give up.</summary>
    public DivergenceOptions Divergence { get; init; } = new();
}

/// <summary>Where the model comes from: exactly one of both.</summary>
public sealed record ModelSource
{
    /// <summary>A folder in Hugging Face layout whose weights are trained further.</summary>
    public string? Path { get; init; }

    /// <summary>The keys of a config.json: a new model. <c>vocab_size</c> and the ids of special tokens come from the tokenizer unless given.</summary>
    public JsonObject? Config { get; init; }
}

/// <summary>Where the tokenizer comes from: exactly one of the three.</summary>
public sealed record TokenizerSource
{
    /// <summary>A folder with a tokenizer.json, or the file.</summary>
    public string? Path { get; init; }

    /// <summary>True for the 256 bytes and the end of text: nothing to learn, and a loss in nats per byte.</summary>
    public bool Bytes { get; init; }

    /// <summary>Learns a byte-level BPE of this size from the training sources, which must be text, plain or in lines of JSON.</summary>
    public int? TrainVocabSize { get; init; }

    /// <summary>
    /// For a vocabulary that is learnt: markup such as <c>&lt;think&gt;</c> that is to be one token each, and is text all the same.
    /// </summary>
    public IReadOnlyList<string> Markup { get; init; } = [];

    /// <summary>A Jinja file to go with it, for models that come without a chat template.</summary>
    public string? ChatTemplate { get; init; }
}

/// <summary>The size of a step. A pack is one row of <see cref="SequenceLength"/> tokens.</summary>
public sealed record BatchOptions
{
    /// <summary>Packs of a step.</summary>
    public int Packs { get; init; } = 16;

    /// <summary>Tokens of a pack.</summary>
    public int SequenceLength { get; init; } = 256;

    /// <summary>Packs that pass through the model at once; the gradients of a step are accumulated. By default all.</summary>
    public int? MicroPacks { get; init; }

    /// <summary>Packs of the first step, where the batch grows to <see cref="Packs"/> (DeepSeek-V3, section 4.2).</summary>
    public int? RampFrom { get; init; }

    /// <summary>Tokens over which the batch grows, in even steps.</summary>
    public long RampTokens { get; init; }

    /// <summary>Later lengths: from which step on which one.</summary>
    public IReadOnlyList<LengthStage> LaterLengths { get; init; } = [];

    internal BatchSizeSchedule PackSchedule()
    {
        BatchSizeSchedule schedule = new() { Start = RampFrom ?? Packs, End = Packs, RampTokens = RampTokens, Multiple = MicroPacks ?? 1 };
        schedule.Validate();
        return schedule;
    }

    internal SequenceLengthSchedule LengthSchedule()
    {
        SequenceLengthSchedule schedule = new() { Stages = [new LengthStage(0, SequenceLength), .. LaterLengths] };
        schedule.Validate();
        return schedule;
    }
}

/// <summary>The update of the routing bias: 2408.15664; DeepSeek-V3, section 2.1.2.</summary>
public sealed record BiasUpdateOptions
{
    /// <summary>γ: how much an expert's bias changes in a step; 0 for never.</summary>
    public float Speed { get; init; } = 0.001f;

    /// <summary>The share of the steps after which γ is 0; DeepSeek-V3 took 0.97, which is 14.3T of 14.8T tokens.</summary>
    public double Until { get; init; } = 1;
}

/// <summary>Measuring on held-out text.</summary>
public sealed record EvaluationOptions
{
    /// <summary>Steps between measurements; 0 for only at the end.</summary>
    public int Every { get; init; } = 250;

    /// <summary>Most tokens to measure on.</summary>
    public long Tokens { get; init; } = 131_072;
}

/// <summary>Text that the model writes during training.</summary>
public sealed record SampleOptions
{
    /// <summary>Steps between samples; 0 for none.</summary>
    public int Every { get; init; }

    /// <summary>What to continue.</summary>
    public IReadOnlyList<string> Prompts { get; init; } = [];

    /// <summary>Most tokens to add.</summary>
    public int MaxTokens { get; init; } = 100;

    /// <summary>Sampling temperature; 0 for greedy.</summary>
    public float Temperature { get; init; } = 0.8f;
}

/// <summary>Saving states that a run can go on from.</summary>
public sealed record CheckpointOptions
{
    /// <summary>Steps between states; 0 for only at the end and when stopped.</summary>
    public int Every { get; init; } = 500;

    /// <summary>States to keep.</summary>
    public int Keep { get; init; } = 2;
}

/// <summary>When a run has failed and more steps would only waste time.</summary>
public sealed record DivergenceOptions
{
    /// <summary>
    /// Stops when a gradient norm is so many times the median of the hundred before it, ten steps in a row; 0 for never. A loss or norm
    /// that is no number always stops.
    /// </summary>
    public double NormFactor { get; init; } = 100;
}
