using Hadal.Models;

namespace Hadal.Reinforcement.Rollouts;

/// <summary>
/// Responses behind their prompts as one batch: which rows of its hidden states predict the tokens of the responses. The last token is
/// predicted, but predicts nothing that was drawn, and so is not in the batch.
/// </summary>
/// <param name="Batch">Prompts with their responses but the last token.</param>
/// <param name="Rows">[response tokens]: the row that predicts each.</param>
/// <param name="Targets">[response tokens]: the tokens, responses one after the other.</param>
internal sealed record Continuations(TokenBatch Batch, int[] Rows, int[] Targets)
{
    public static Continuations Of(IReadOnlyList<(int[] Prompt, int[] Response)> texts)
    {
        TokenBatch batch = TokenBatch.Of([.. texts.Select(text => (int[])[.. text.Prompt, .. text.Response.AsSpan(0, text.Response.Length - 1)])]);
        List<int> rows = [], targets = [];
        for (int i = 0; i < texts.Count; i++)
        {
            rows.AddRange(Enumerable.Range(batch.Sequences[i].Start + texts[i].Prompt.Length - 1, texts[i].Response.Length));
            targets.AddRange(texts[i].Response);
        }

        return new Continuations(batch, [.. rows], [.. targets]);
    }
}
