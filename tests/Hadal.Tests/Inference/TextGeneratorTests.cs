using Hadal.Autograd;
using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tests.Models;

namespace Hadal.Tests.Inference;

public sealed class TextGeneratorTests
{
    private static readonly SamplingOptions s_greedy = new() { Temperature = 0 };

    [Theory]
    [MemberData(nameof(TinyModels.Kinds), MemberType = typeof(TinyModels))]
    public void Greedy_tokens_are_those_of_recomputing_the_whole_text_for_each(string kind)
    {
        using WorkerPool workers = new(1);
        using Transformer model = TinyModels.Create(kind);
        int[] prompt = TinyModels.Ids(5, seed: 1);
        List<int> expected = [.. prompt];
        using Graph g = new(workers, recording: false);
        for (int i = 0; i < 8; i++)
        {
            // The absorbed form, as decoding uses it, so that ties and near ties fall alike.
            Tensor hidden = model.Forward(g, TokenBatch.Of([.. expected]), kind[0] == 'v' ? MlaForm.Absorbed : MlaForm.Expanded);
            Span<float> logits = model.Logits(g, g.Rows(hidden, [expected.Count - 1])).Span;
            expected.Add(Enumerable.Range(0, logits.Length).MaxBy(logits.ToArray().ElementAt));
            g.Reset();
        }

        int[] untilEnd = [.. expected.Skip(prompt.Length).TakeWhile(token => !model.Config.EosTokenIds.Contains(token))];
        Assert.Equal(untilEnd, Tokens(model, workers, 16, new GenerationRequest(prompt, 8, s_greedy))[0]);
    }

    [Fact]
    public void What_a_prompt_gets_does_not_depend_on_the_others_nor_on_how_many_run_at_once()
    {
        using WorkerPool workers = new(2);
        using Transformer model = TinyModels.Create("v3");
        GenerationRequest[] requests =
        [
            .. Enumerable.Range(0, 7).Select(i => new GenerationRequest(TinyModels.Ids(2 + 3 * i, seed: i), 4 + i, new SamplingOptions { Seed = i })),
        ];
        List<int>[] alone = [.. requests.Select(request => Tokens(model, workers, 1, request)[0])];
        Assert.All(alone.Zip(requests), pair => Assert.Equal(pair.Second.MaxTokens, pair.First.Count));
        Assert.Equal(alone, Tokens(model, workers, 1, requests));
        Assert.Equal(alone, Tokens(model, workers, 3, requests));
        Assert.Equal(alone, Tokens(model, workers, 16, requests));
    }

    [Fact]
    public void An_end_of_text_token_stops_its_sequence_and_is_not_reported()
    {
        using WorkerPool workers = new(1);
        using Transformer plain = TinyModels.Create("v3");
        GenerationRequest request = new(TinyModels.Ids(4, seed: 2), 12, s_greedy);
        List<int> all = Tokens(plain, workers, 1, request)[0];
        int end = all[5];

        using Transformer ending = new(plain.Config with { EosTokenIds = [end] });
        foreach ((Parameter to, Parameter from) in ending.Parameters.Zip(plain.Parameters))
        {
            Tensor copy = Tensor.Create(from.Shape);
            Elementwise.Copy(workers, from.Value.AsMatrix(), copy.AsMatrix());
            to.Assign(copy);
        }

        List<int> tokens = [];
        FinishReason[] reasons = new TextGenerator(ending, workers).Run([request], (_, token) => tokens.Add(token));
        Assert.Equal([FinishReason.Stop], reasons);
        Assert.Equal(all.TakeWhile(token => token != end), tokens);
    }

    [Fact]
    public void A_sequence_ends_where_the_context_of_the_model_does()
    {
        using WorkerPool workers = new(1);
        using Transformer model = TinyModels.Create("v3");
        int context = model.Config.MaxPositionEmbeddings;
        GenerationRequest request = new(TinyModels.Ids(context - 3, seed: 3), 100, s_greedy);
        Assert.Equal(3, Tokens(model, workers, 1, request)[0].Count);
        Assert.Throws<ContextLengthException>(() => Tokens(model, workers, 1, request with { Prompt = TinyModels.Ids(context, seed: 3) }));
        Assert.Throws<ArgumentException>(() => Tokens(model, workers, 1, request with { Prompt = [] }));
    }

    [Fact]
    public void Cancelling_stops_between_tokens_and_frees_the_caches()
    {
        using WorkerPool workers = new(1);
        using Transformer model = TinyModels.Create("v3");
        using CancellationTokenSource source = new();
        int seen = 0;
        Assert.Throws<OperationCanceledException>(() => new TextGenerator(model, workers).Run(
            [new GenerationRequest([1, 2], 50, s_greedy)],
            (_, _) =>
            {
                if (++seen == 3) source.Cancel();
            },
            cancellation: source.Token));
        Assert.Equal(3, seen);
    }

    private static List<int>[] Tokens(Transformer model, WorkerPool workers, int atOnce, params GenerationRequest[] requests)
    {
        List<int>[] tokens = [.. requests.Select(_ => new List<int>())];
        new TextGenerator(model, workers).Run(requests, (request, token) => tokens[request].Add(token), atOnce);
        return tokens;
    }
}
