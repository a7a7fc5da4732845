namespace Hadal.Inference;

/// <summary>How far a text has come under a constraint: the stacks that it can have reached. Immutable but for what it remembers of its own future.</summary>
internal sealed class ConstraintState
{
    private readonly ConstraintAutomaton _automaton;
    private ConstraintState?[]? _next;
    private TokenMask? _mask;

    internal ConstraintState(ConstraintAutomaton automaton, ConstraintFrame[] threads, bool isComplete)
    {
        (_automaton, Threads, IsComplete) = (automaton, threads, isComplete);
        IsFree = threads is [{ Node: UntilNode }];
    }

    /// <summary>The stacks by their top frames, each of which waits for a byte, in ascending order of their ids.</summary>
    internal ConstraintFrame[] Threads { get; }

    /// <summary>Whether the text may end here.</summary>
    public bool IsComplete { get; }

    /// <summary>Whether the text is complete and nothing but its end may follow.</summary>
    public bool IsFulfilled => IsComplete && Threads.Length == 0;

    /// <summary>Whether anything may come, since what the constraint begins after has not been said.</summary>
    internal bool IsFree { get; }

    /// <summary>No text leads on from here.</summary>
    internal bool IsDead => !IsComplete && Threads.Length == 0;

    /// <summary>Tokens that may come next, end-of-text tokens where the text may end here.</summary>
    public TokenMask Mask => _mask ??= _automaton.MaskOf(this);

    /// <summary>The state after one more token; null if the token may not come.</summary>
    public ConstraintState? Next(int token) => _automaton.After(this, token);

    /// <summary>The state after one more byte; null if the byte may not come.</summary>
    internal ConstraintState? Step(byte value)
    {
        ConstraintState?[] table = _next ??= new ConstraintState?[256];
        ConstraintState next = table[value] ??= _automaton.Follow(this, value);
        return next.IsDead ? null : next;
    }

    /// <summary>Forgets what can be computed again.</summary>
    internal void Forget() => (_next, _mask) = (null, null);
}
