using System.Diagnostics;

namespace Hadal.Server.Metrics;

/// <summary>Times the tokens of one request: the first of all, and each after the one before it in the same answer.</summary>
internal sealed class AnswerPace(Histogram firstToken, Histogram interToken, long arrived)
{
    private readonly Dictionary<int, long> _last = [];

    /// <summary>Takes in that an answer got a token.</summary>
    public void Token(int answer)
    {
        long now = Stopwatch.GetTimestamp();
        if (_last.TryGetValue(answer, out long last)) interToken.Observe(Stopwatch.GetElapsedTime(last, now).TotalSeconds);
        else if (_last.Count == 0) firstToken.Observe(Stopwatch.GetElapsedTime(arrived, now).TotalSeconds);
        _last[answer] = now;
    }
}
