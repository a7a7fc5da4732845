using Hadal.Inference;

namespace Hadal.Server.Metrics;

/// <summary>What an engine counts, for Prometheus.</summary>
internal static class EngineMetrics
{
    /// <summary>Writes a moment's numbers.</summary>
    public static void WriteTo(PrometheusText text, EngineStatistics now)
    {
        text.Single("hadal_running_sequences", "gauge", "Sequences that are computed side by side.", now.RunningSequences);
        text.Single("hadal_waiting_sequences", "gauge", "Sequences that wait for a place or for pages.", now.WaitingSequences);
        text.Single("hadal_pages_total", "gauge", "Pages of the cache.", now.PagesTotal);
        text.Single("hadal_pages_used", "gauge", "Pages that sequences hold; 0 when nothing runs or waits.", now.PagesUsed);
        text.Single("hadal_pages_cached", "gauge", "Pages that no sequence holds and that are kept for later prompts.", now.PagesCached);
        text.Single("hadal_prompt_tokens_total", "counter", "Tokens of the prompts that were begun.", now.PromptTokens);
        text.Single("hadal_cached_prompt_tokens_total", "counter", "Tokens of those prompts that were found computed.", now.CachedTokens);
        text.Single("hadal_generated_tokens_total", "counter", "Tokens drawn, those that end a text included.", now.GeneratedTokens);
        text.Single("hadal_drafted_tokens_total", "counter", "Tokens that were drafted and verified; 0 without speculative decoding.", now.DraftedTokens);
        text.Single("hadal_accepted_draft_tokens_total", "counter", "Drafted tokens that were right.", now.AcceptedTokens);
        text.Single("hadal_draft_verifications_total", "counter", "Times that drafts of a sequence were verified.", now.Verifications);
        text.Single("hadal_preemptions_total", "counter", "Times that a sequence lost its pages to an older one.", now.Preemptions);
        text.Single("hadal_steps_total", "counter", "Passes through the model.", now.Steps);
    }
}
