using Hadal.Autograd;
using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tests.Models;

namespace Hadal.Tests.Inference;

public sealed class SessionTests : IDisposable
{
    private readonly WorkerPool _workers = new(1);

    public void Dispose() => _workers.Dispose();

    [Theory]
    [MemberData(nameof(TinyModels.Kinds), MemberType = typeof(TinyModels))]
    public void Random_walks_of_forks_and_rewinds_score_what_recomputing_everything_scores(string kind)
    {
        using Transformer model = TinyModels.Create(kind);
        using PagePool pool = new(model.Config, pages: 60);
        Random random = new(1);
        List<Session> sessions = [new(model, _workers, pool)];
        for (int step = 0; step < 40; step++)
        {
            Session session = sessions[random.Next(sessions.Count)];
            int move = random.Next(5);
            if (move == 0 && sessions.Count < 6) sessions.Add(session.Fork());
            else if (move == 1) session.Rewind(random.Next(session.Length + 1));
            else if (session.Length < 300)
            {
                int[] tokens = TinyModels.Ids(random.Next(1, 50), step);
                float[] scores = session.Append(tokens).ToArray();
                Assert.Equal(tokens, session.Tokens.TakeLast(tokens.Length));
                TinyModels.AssertSameBits(SlowDecoding.Logits(model, _workers, [.. session.Tokens]), scores, $"{kind}, step {step}");
            }
        }

        foreach (Session session in sessions) session.Dispose();
        Assert.Equal(0, pool.UsedPages);
    }

    [Fact]
    public void All_rows_of_a_long_text_can_be_scored_at_once()
    {
        using Transformer model = TinyModels.Create(ConfigText.V3.With("max_position_embeddings", "2048"));
        using Session session = new(model, _workers);
        int[] ids = TinyModels.Ids(1100, 1);
        session.Append(ids.AsSpan(0, 3));
        float[] whole = TinyModels.Whole(model, _workers, ids, MlaForm.Absorbed);
        Matrix scores = session.Append(ids.AsSpan(3), scored: 700); // rows from 400 on, over three pieces
        for (int row = 0; row < 700; row++) Assert.True(whole.AsSpan((400 + row) * 97, 97).SequenceEqual(scores.Row(row)), $"row {row}");

        session.Rewind(600);
        Tensor states = session.AppendHidden(ids.AsSpan(600, 40), rows: 2);
        Assert.Equal(new Shape(2, 32), states.Shape);
        Assert.Equal(640, session.Length);
    }

    [Theory]
    [InlineData("v3")]
    [InlineData("qwen2")]
    public void Expanded_and_narrow_sessions_score_as_training_does(string kind)
    {
        using Transformer model = TinyModels.Create(kind);
        int[] ids = TinyModels.Ids(80, 2);
        using Session session = new(model, _workers, precision: ProductPrecision.BF16, form: MlaForm.Expanded);
        session.Append(ids.AsSpan(0, 60));
        float[] scores = [.. ids[60..].SelectMany(id => session.Append(id).ToArray())];
        using Graph training = new(_workers, recording: true) { Precision = ProductPrecision.BF16 };
        Span<float> whole = model.Logits(training, model.Forward(training, TokenBatch.Of(ids))).Span;
        TinyModels.AssertSameBits(whole[(60 * 97)..], scores, $"{kind}, expanded in BF16");
    }

    [Fact]
    public void Tokens_that_cannot_be_taken_in_change_nothing()
    {
        using Transformer model = TinyModels.Create("v3");
        using PagePool pool = new(model.Config, pages: 1);
        Session session = new(model, _workers, pool);
        session.Append(1, 2, 3);
        Assert.Throws<ArgumentException>(() => session.Append().ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => session.Append(4, 97).ToArray());
        Assert.Throws<ArgumentException>(() => session.Append(TinyModels.Ids(510, 1)).ToArray());
        Assert.Throws<PagesExhaustedException>(() => session.Append(TinyModels.Ids(62, 1)).ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => session.Rewind(4));
        Assert.Throws<ArgumentOutOfRangeException>(() => session.Append([5, 6], scored: 3));
        Assert.Equal([1, 2, 3], session.Tokens);
        TinyModels.AssertSameBits(SlowDecoding.Logits(model, _workers, [1, 2, 3, 4]), session.Append(4), "after refusals");
        session.Dispose();
        Assert.Throws<ObjectDisposedException>(() => session.Append(1).ToArray());
        Assert.Throws<ObjectDisposedException>(session.Fork);
        Assert.Equal(0, pool.UsedPages);
    }
}
