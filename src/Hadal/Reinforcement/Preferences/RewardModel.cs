using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Reinforcement.Rollouts;
using Hadal.Tokenization;
using Hadal.Tokenization.Templates;

namespace Hadal.Reinforcement.Preferences;

/// <summary>
/// Scores answers: the layers of a language model with one output in place of the vocabulary, read at the last token (arXiv 2203.02155,
/// section 3.5). In folders it is Hugging Face's <c>ForSequenceClassification</c> with one label: <c>score.weight</c> [1, hidden] in place
/// of <c>lm_head.weight</c>.
/// </summary>
public sealed class RewardModel : IDisposable
{
    // Texts that pass through the model at once.
    private const int AtOnce = 16;

    private readonly Transformer _model;
    private readonly PromptWriter _prompts;
    private readonly Graph _graph;

    private RewardModel(Transformer model, PromptWriter prompts, WorkerPool workers) =>
        (_model, _prompts, _graph) = (model, prompts, new Graph(workers, recording: false));

    /// <summary>Loads a reward model with its tokenizer.</summary>
    /// <param name="folder">A folder that the stage <c>reward</c> wrote, or another of that layout.</param>
    /// <param name="workers">Threads; stay the caller's.</param>
    /// <param name="prompt">How prompts are written, as in its training; by default with the chat template where it has one, else <see cref="PromptStyle.Line"/>.</param>
    /// <exception cref="CheckpointException">The folder can't be used, or holds no reward model.</exception>
    /// <exception cref="TokenizerException">The tokenizer can't be used, or lacks the template that the style needs.</exception>
    public static RewardModel Load(string folder, WorkerPool workers, PromptStyle? prompt = null)
    {
        ArgumentNullException.ThrowIfNull(workers);
        Tokenizer tokenizer = Tokenizer.Load(folder);
        PromptWriter prompts = new(prompt ?? PromptWriter.StyleOf(tokenizer), tokenizer);
        return new RewardModel(ModelReader.ReadScorer(folder, matrixType: null, trainable: false), prompts, workers);
    }

    /// <summary>How good an answer is: only differences between answers to one prompt have a meaning.</summary>
    /// <param name="prompt">What was asked.</param>
    /// <param name="answer">What was answered.</param>
    public double Score(string prompt, string answer) => Score([([new ChatMessage("user", prompt)], answer)])[0];

    /// <summary>Scores answers to conversations.</summary>
    /// <param name="answers">Each with the conversation that it follows.</param>
    /// <returns>A score for each; it doesn't depend on the others.</returns>
    public IReadOnlyList<double> Score(IReadOnlyList<(IReadOnlyList<ChatMessage> Prompt, string Answer)> answers)
    {
        ArgumentNullException.ThrowIfNull(answers);
        List<double> scores = [];
        foreach ((IReadOnlyList<ChatMessage> Prompt, string Answer)[] part in answers.Chunk(AtOnce))
        {
            int[][] texts = [.. part.Select(item => (int[])[.. _prompts.Tokens(item.Prompt), .. _prompts.AnswerTokens(item.Prompt, item.Answer)])];
            foreach (float score in Scores(_graph, _model, texts).Span) scores.Add(score);
            _graph.Reset();
        }

        return scores;
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        _graph.Dispose();
        _model.Dispose();
    }

    /// <summary>The score of each text: the head on the final hidden state of its last token.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="model">A reward model.</param>
    /// <param name="texts">Prompts with their answers, in tokens.</param>
    /// <returns>[texts, 1].</returns>
    internal static Tensor Scores(Graph g, Transformer model, int[][] texts)
    {
        TokenBatch batch = TokenBatch.Of(texts);
        int[] last = [.. batch.Sequences.Select(sequence => sequence.Start + sequence.Count - 1)];
        return model.Logits(g, g.Rows(model.Forward(g, batch), last));     // [texts, 1]
    }

    /// <summary>Loads what a reward model is trained from: a language model, whose head is replaced by one of zeros, or a reward model.</summary>
    internal static Transformer LoadToTrain(string folder, ElementType matrices)
    {
        using (Transformer description = ModelReader.Describe(folder))
        {
            if (description.Config.IsScorer) return ModelReader.ReadScorer(folder, matrices, trainable: true);
        }

        Transformer language = ModelReader.Read(folder, matrices, trainable: true), scorer = new(language.Config.ToScorer());
        Dictionary<string, Parameter> byName = language.Parameters.ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
        foreach (Parameter parameter in scorer.Parameters)
        {
            if (byName.Remove(parameter.Name, out Parameter? trained)) parameter.Assign(trained.Value);
            else parameter.Assign(Tensor.Create(parameter.Shape, MatrixTypes.For(parameter, matrices), requiresGradient: true));
        }

        // The arrays of the others are the scorer's now.
        foreach (Parameter left in byName.Values) left.Free();
        return scorer;
    }
}
