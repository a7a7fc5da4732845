using Hadal.Autograd;
using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tests.Models;

namespace Hadal.Tests.Inference;

public sealed class PerplexityTests
{
    [Theory]
    [InlineData(2, 64)]   // shorter than a window
    [InlineData(64, 64)]  // exactly one
    [InlineData(65, 64)]  // one token in a second window
    [InlineData(150, 64)]
    [InlineData(40, 7)]   // odd windows overlap by a token more than half
    [InlineData(9, 2)]
    public void Every_token_but_the_first_is_predicted_once_from_its_window(int count, int window)
    {
        using WorkerPool workers = new(1);
        using Transformer model = TinyModels.Create("v3");
        int[] ids = TinyModels.Ids(count, seed: 1);
        List<long> progress = [];
        PerplexityResult result = PerplexityMeasure.Run(model, workers, ids, window, (done, all) =>
        {
            Assert.Equal(count, all);
            progress.Add(done);
        });

        // Token i is predicted by the first window that holds it: window w covers [w * step, w * step + window).
        double nats = 0;
        int step = Math.Max(1, window / 2);
        for (int i = 1; i < count; i++)
        {
            int start = i < window ? 0 : (i - window + step) / step * step;
            nats -= LogLikelihood(model, workers, ids[start..i], ids[i]);
        }

        Assert.Equal(count - 1, result.Tokens);
        Assert.Equal(nats, result.Nats, nats * 1e-6); // F32 losses of about 5 nats: 24 bits, and logits to some of them
        Assert.Equal(Math.Exp(nats / (count - 1)), result.Perplexity, result.Perplexity * 1e-5);
        Assert.Equal(progress.Order(), progress);
        Assert.Equal(count, progress[^1]);
    }

    [Fact]
    public void Too_short_texts_and_windows_that_do_not_fit_are_refused()
    {
        using WorkerPool workers = new(1);
        using Transformer model = TinyModels.Create("v3");
        Assert.Throws<ArgumentException>(() => PerplexityMeasure.Run(model, workers, [1], 8));
        Assert.Throws<ArgumentException>(() => PerplexityMeasure.Run(model, workers, [1, 2], 1));
        Assert.Throws<ArgumentException>(() => PerplexityMeasure.Run(model, workers, [1, 2], model.Config.MaxPositionEmbeddings + 1));
    }

    private static double LogLikelihood(Transformer model, WorkerPool workers, int[] context, int next)
    {
        using Graph g = new(workers, recording: false);
        float[] logits = model.Logits(g, g.Rows(model.Forward(g, TokenBatch.Of(context)), [context.Length - 1])).Span.ToArray();
        double max = logits.Max();
        return logits[next] - max - Math.Log(logits.Sum(logit => Math.Exp(logit - max)));
    }
}
