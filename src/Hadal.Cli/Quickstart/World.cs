using System.Text;
using Hadal.Checkpoints;
using Hadal.Reinforcement;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Tasks;
using Hadal.Reinforcement.Tasks.Countdown;
using Hadal.Tokenization.Training;

namespace Hadal.Cli.Quickstart;

/// <summary>
/// A world of numbers, small enough that its whole text is made in seconds: searches for a target, tables of what three numbers make of each
/// other, and blind searches, whose numbers nobody wrote down. Most of its people are impatient: they give up a search after its first line and answer
/// anyway, wrongly; the others go on for long. So a model that has read their text solves a part of the problems, knows how to go on, and mostly doesn't:
/// what reinforcement can change.
/// </summary>
internal static class World
{
    /// <summary>Ends a document.</summary>
    public const string EndOfText = "<|endoftext|>";

    // A bound that is never reached: the vocabulary ends where nothing is left to merge, with every number of the world as one token.
    private const int MostTokens = 2048;

    // Of a hundred documents; the others are searches.
    private const int Tables = 20, BlindSearches = 20;

    // Six of ten writers give up after the first line of a search, and of the others one of ten after each further line.
    private const int ImpatientOfTen = 6, GiveUpOfTen = 1, MostPatience = 30;

    // A question is the user's turn, and the answer begins within its thoughts: what PromptStyle.Plain writes, so that one model takes both.
    private const string Template =
        "{% for message in messages %}{{ message['content'] }}{% if message['role'] == 'user' %}{{ '\\n' }}{% else %}{{ '<|endoftext|>' }}{% endif %}{% endfor %}"
        + "{% if add_generation_prompt %}{{ '<think>' }}{% endif %}";

    /// <summary>Largest number of a problem. Up to the task's usual 25 there are only some 400 problems whose numbers and target are both held out.</summary>
    public const int LargestNumber = 30;

    /// <summary>What is asked and what is practised, as recipes say it: three numbers, targets from 10 to 100, in symbols, the target read out.</summary>
    public static TaskOptions TaskOptions { get; } = new() { Terse = true, ReadOut = true, LargestNumber = LargestNumber };

    /// <summary>The same as the task itself.</summary>
    public static CountdownTask Task { get; } = (CountdownTask)TaskOptions.Create();

    /// <summary>
    /// One document. Only sets of numbers and targets of the training side stand in it; what a sign says of a result and a target carries over to others.
    /// </summary>
    /// <param name="seed">Another seed makes another world.</param>
    /// <param name="index">Which document.</param>
    public static string Document(int seed, int index)
    {
        ProblemRandom random = new(unchecked((ulong)seed * 31 + 7), (ulong)index);
        int kind = random.Below(100);
        if (kind < BlindSearches) return Blind(random);
        CountdownProblem problem = (CountdownProblem)Task.Generate(ProblemSplit.Training, (ulong)seed, index);
        if (kind < BlindSearches + Tables) return CountdownNotes.Table(problem.Numbers, random);
        int patience = 1;
        if (random.Below(10) >= ImpatientOfTen)
        {
            for (patience = 2; patience < MostPatience && random.Below(10) >= GiveUpOfTen; patience++) { }
        }

        return Text(problem, CountdownNotes.Search(problem, patience).Solution);
    }

    /// <summary>Writes the text, and the tokenizer that is trained on it, into a folder.</summary>
    /// <param name="folder">An existing folder; what is there is replaced.</param>
    /// <param name="seed">Which world.</param>
    /// <param name="documents">How many documents.</param>
    /// <param name="cancellation">Checked between documents.</param>
    /// <returns>The size of the vocabulary.</returns>
    /// <exception cref="CheckpointException">A file can't be written.</exception>
    public static int Write(string folder, int seed, int documents, CancellationToken cancellation)
    {
        string[] texts = new string[documents];
        Parallel.For(0, documents, new ParallelOptions { CancellationToken = cancellation }, i => texts[i] = Document(seed, i));
        AtomicFile.Write(TextOf(folder), Encoding.UTF8.GetBytes(string.Join(EndOfText, texts)));
        AtomicFile.Write(TemplateOf(folder), Encoding.UTF8.GetBytes(Template));
        TrainedBpe vocabulary = BpeTrainer.Train([TextOf(folder)], new BpeTrainerOptions
        {
            VocabSize = MostTokens,
            Pattern = "deepseek-v3", // cuts numbers out as words of their own
            SpecialTokens = [EndOfText],
            MarkupTokens = [ResponseFormat.ThinkOpening, ResponseFormat.ThinkClosing, ResponseFormat.AnswerOpening, ResponseFormat.AnswerClosing],
        });
        vocabulary.Write(TokenizerOf(folder));
        return vocabulary.Tokens.Count;
    }

    /// <summary>The text in the world's folder, documents between <see cref="EndOfText"/>.</summary>
    public static string TextOf(string folder) => Path.Combine(folder, "text.txt");

    /// <summary>The tokenizer in the world's folder.</summary>
    public static string TokenizerOf(string folder) => Path.Combine(folder, "tokenizer");

    /// <summary>The chat template in the world's folder.</summary>
    public static string TemplateOf(string folder) => Path.Combine(folder, "template.jinja");

    // A question without numbers, and no answer.
    private static string Blind(ProblemRandom random)
    {
        int target;
        do target = random.Between(Task.SmallestTarget, Task.LargestTarget);
        while (CountdownTask.SplitOfTarget(target) != ProblemSplit.Training);
        return $"a b c ={DigitWords.Of(target)}\n{ResponseFormat.ThinkOpening}\n{CountdownNotes.BlindSearch(target, random)}\n{ResponseFormat.ThinkClosing}";
    }

    private static string Text(Problem problem, WorkedSolution solution) =>
        $"{problem.Prompt}\n{ResponseFormat.Compose(solution.Reasoning, solution.Answer)}";
}
