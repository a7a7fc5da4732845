namespace Hadal.Inference;

/// <summary>
/// How many tokens to draft for a sequence: one more than were right the last time, and none for a while where hardly any are. It decides on
/// time, never on results.
/// </summary>
internal sealed class DraftPace
{
    // A draft that is hardly ever right costs a row of every step; after a pause it gets another chance.
    private const double Hopeless = 0.1, SecondChance = 0.3, Weight = 0.2;
    private const int Pause = 16;

    private double _share = 1;
    private int _length = int.MaxValue, _pause;

    /// <summary>Tokens to draft now, at most as many as given.</summary>
    public int Next(int most)
    {
        if (_pause == 0) return Math.Min(most, _length);
        _pause--;
        return 0;
    }

    /// <summary>Notes how many of the drafted tokens were right.</summary>
    public void Note(int drafted, int accepted)
    {
        _length = accepted + 1;
        _share += Weight * ((double)accepted / drafted - _share);
        if (_share < Hopeless) (_share, _pause) = (SecondChance, Pause);
    }
}
