namespace Hadal.Reinforcement.Tasks;

/// <summary>
/// Sudoku of four rows, four columns and four blocks. Every puzzle has exactly one solution, so an answer is right if it is that grid.
/// Held out are solved grids (36 of the 288, about): no puzzle of such a grid is trained on.
/// </summary>
public sealed class SudokuTask : VerifiableTask
{
    private const int Side = 4;
    private const int Cells = Side * Side;

    /// <summary>Cells left empty: 1 to 10. Fewer are left where more would allow a second solution. The difficulty.</summary>
    public int Empty { get; init; } = 6;

    /// <inheritdoc/>
    public override string Name => "sudoku";

    /// <inheritdoc/>
    public override Problem Generate(ProblemSplit split, ulong seed, int index)
    {
        if (Empty is < 1 or > 10) throw new InvalidOperationException($"{Empty} empty cells can't be drawn: expected 1 to 10");
        (int[] solved, int[] puzzle) = Draw(split, seed, index, DrawPuzzle, static drawn => "sudoku " + string.Concat(drawn.Solved));
        string prompt = $"Fill the grid so that every row, column and 2x2 block holds 1, 2, 3 and 4. Write the four rows.\n{Rows(puzzle)}";
        return new Problem(prompt, Rows(solved));
    }

    /// <inheritdoc/>
    public override string Normalise(string answer) => Grid(answer) ?? base.Normalise(answer);

    /// <inheritdoc/>
    protected override bool IsCorrect(Problem problem, string answer)
    {
        ArgumentNullException.ThrowIfNull(problem);
        return Grid(answer) is { } grid && grid == Grid(problem.Answer);
    }

    // The sixteen digits; null if there are more or fewer, or anything between them but space and ruling.
    private static string? Grid(string text)
    {
        Span<char> grid = stackalloc char[Cells];
        int count = 0;
        foreach (char c in text)
        {
            if (c is >= '1' and <= '4' && count < Cells) grid[count++] = c;
            else if (c is not (' ' or '\n' or '\r' or '\t' or '|' or '-' or '+' or ',')) return null;
        }

        return count == Cells ? new string(grid) : null;
    }

    private (int[] Solved, int[] Puzzle) DrawPuzzle(ProblemRandom random)
    {
        int[] solved = new int[Cells];
        int[] digits = [1, 2, 3, 4];
        random.Shuffle<int>(digits);
        Fill(solved, 0, digits, ref random);

        // Cells in random order are emptied while the solution stays the only one.
        int[] puzzle = [.. solved], order = [.. Enumerable.Range(0, Cells)];
        random.Shuffle<int>(order);
        int left = Empty;
        foreach (int cell in order)
        {
            if (left == 0) break;
            puzzle[cell] = 0;
            if (Solutions([.. puzzle], 0) == 1) left--;
            else puzzle[cell] = solved[cell];
        }

        return (solved, puzzle);
    }

    private static bool Fill(int[] grid, int cell, int[] digits, ref ProblemRandom random)
    {
        if (cell == Cells) return true;
        int[] order = [.. digits];
        random.Shuffle<int>(order);
        foreach (int digit in order)
        {
            if (!Fits(grid, cell, digit)) continue;
            grid[cell] = digit;
            if (Fill(grid, cell + 1, digits, ref random)) return true;
            grid[cell] = 0;
        }

        return false;
    }

    private static int Solutions(int[] grid, int cell)
    {
        while (cell < Cells && grid[cell] != 0) cell++;
        if (cell == Cells) return 1;
        int count = 0;
        for (int digit = 1; digit <= Side && count < 2; digit++)
        {
            if (!Fits(grid, cell, digit)) continue;
            grid[cell] = digit;
            count += Solutions(grid, cell + 1);
            grid[cell] = 0;
        }

        return count;
    }

    private static bool Fits(int[] grid, int cell, int digit)
    {
        int row = cell / Side, column = cell % Side;
        for (int i = 0; i < Side; i++)
        {
            int block = (row / 2 * 2 + i / 2) * Side + column / 2 * 2 + i % 2;
            if (grid[row * Side + i] == digit || grid[i * Side + column] == digit || grid[block] == digit) return false;
        }

        return true;
    }

    private static string Rows(int[] grid) =>
        string.Join('\n', grid.Chunk(Side).Select(static row => string.Concat(row.Select(static d => d == 0 ? "." : $"{d}"))));
}
