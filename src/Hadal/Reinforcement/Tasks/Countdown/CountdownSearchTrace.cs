using System.Globalization;
using System.Text;

namespace Hadal.Reinforcement.Tasks.Countdown;

/// <summary>
/// A search written down as it goes: depth first, in random order, with the results that are not the target and the ways back, until the
/// target is met (a "stream of search", Gandhi et al. 2024, arXiv 2404.03683). After a number of misses it takes only steps that lead on
/// to a solution, so that its length is bounded.
/// </summary>
/// <example><code>
/// [3,7,25]
/// 25-7=18 [3,18]
/// 18+3=21 no
/// 18*3=54 no
/// back [3,7,25]
/// 3*7=21 [25,21]
/// 25+21=46 yes
/// </code></example>
internal sealed class CountdownSearchTrace
{
    private readonly CountdownProblem _problem;
    private readonly List<CountdownExpression> _start;
    private readonly bool _whole;
    private readonly StringBuilder _text = new();
    private ProblemRandom _random;
    private int _missesLeft;

    public CountdownSearchTrace(CountdownProblem problem, ulong seed, int mostMisses = 12)
    {
        _problem = problem;
        _random = new ProblemRandom(seed, (ulong)problem.Target);
        _missesLeft = _random.Between(0, mostMisses);
        _start = CountdownSolver.Start(problem.Numbers);
        _whole = CountdownSolver.IsSolvable(problem.Numbers, problem.Target, wholeSteps: true);
    }

    /// <summary>The search and the expression that it ends with; null if there is none.</summary>
    public WorkedSolution? Write()
    {
        if (!IsSolvable(_start)) return null;
        Line(Left(_start));
        CountdownExpression found = _start.Find(e => e.Value == _problem.Target) ?? Search(_start)!;
        return new WorkedSolution(_text.ToString().TrimEnd(), found.ToString());
    }

    private CountdownExpression? Search(List<CountdownExpression> left)
    {
        (CountdownExpression Step, List<CountdownExpression> Left)[] steps = [.. CountdownSolver.Steps(left, _whole)];
        _random.Shuffle<(CountdownExpression, List<CountdownExpression>)>(steps);
        HashSet<string> tried = [];
        foreach ((CountdownExpression step, List<CountdownExpression> rest) in steps)
        {
            bool hit = step.Value == _problem.Target;
            if (!hit && _missesLeft <= 0 && (rest.Count == 1 || !IsSolvable(rest))) continue;
            if (!tried.Add(step.Step())) continue; // 3+7 once, though there may be two sevens
            if (hit)
            {
                Line($"{step.Step()} yes");
                return step;
            }

            if (rest.Count == 1)
            {
                Line($"{step.Step()} no");
                _missesLeft--;
                continue;
            }

            Line($"{step.Step()} {Left(rest)}");
            if (Search(rest) is { } found) return found;
            Line($"back {Left(left)}");
        }

        return null;
    }

    private bool IsSolvable(List<CountdownExpression> left) => CountdownSolver.Search(left, _problem.Target, _whole).Any();

    private static string Left(List<CountdownExpression> left) => $"[{string.Join(',', left.Select(static e => e.Value))}]";

    private void Line(string line) => _text.Append(CultureInfo.InvariantCulture, $"{line}\n");
}
