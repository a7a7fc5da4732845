namespace Hadal.Inference;

/// <summary>
/// Follows a grammar byte by byte, on all stacks at a time that the bytes so far allow. States are made when they are first reached and
/// found again by the stacks they have, so that soon a byte costs one look into a table. Any number of threads may use one.
/// </summary>
/// <remarks>
/// As in llama.cpp's grammars and XGrammar (Dong et al. 2024, 2411.15100) a state is a set of stacks; which tokens may come is found by
/// walking the trie of the vocabulary.
/// </remarks>
internal sealed class ConstraintAutomaton
{
    // What readers of JSON commonly allow, System.Text.Json among them.
    internal const int DeepestNesting = 64;

    // Ambiguous schemas can multiply stacks with every level. Those beyond this are dropped, alternatives that stand first in the schema stay:
    // every stack can be completed, so the text stays valid.
    private const int MostThreads = 1024;

    // What is remembered: some tens of megabytes at most.
    private const int MostStates = 4096, MostMasks = 256;

    private readonly Lock _lock = new();
    private readonly ConstraintVocabulary _vocabulary;
    private readonly Dictionary<(GrammarNode, int, ConstraintFrame?), ConstraintFrame> _frames = [];
    private readonly Dictionary<(bool, int[]), ConstraintState> _states = new(new StateKeys());
    private readonly ConstraintState _dead, _end;
    private int _frameCount, _masks;

    public ConstraintAutomaton(ConstraintVocabulary vocabulary, GrammarNode root)
    {
        _vocabulary = vocabulary;
        (_dead, _end) = (new ConstraintState(this, [], isComplete: false), new ConstraintState(this, [], isComplete: true));
        Closure closure = new(this);
        closure.Enter(root, null);
        Start = closure.ToState();
    }

    /// <summary>Before the first byte.</summary>
    public ConstraintState Start { get; }

    /// <summary>States that are remembered.</summary>
    internal int StateCount => _states.Count;

    /// <summary>The state after a byte.</summary>
    internal ConstraintState Follow(ConstraintState state, byte value)
    {
        lock (_lock)
        {
            Closure closure = new(this);
            foreach (ConstraintFrame thread in state.Threads)
            {
                if (thread.Node is BytesNode bytes)
                {
                    if (bytes.Set.Contains(value)) closure.Leave(thread.Parent);
                }
                else
                {
                    UntilNode until = (UntilNode)thread.Node;
                    int matched = until.Next(thread.Progress, value);
                    if (matched == until.Length) closure.Leave(thread.Parent);
                    else closure.Wait(Frame(until, matched, thread.Parent));
                }
            }

            return closure.ToState();
        }
    }

    /// <summary>The state after a token; null if it may not come.</summary>
    internal ConstraintState? After(ConstraintState state, int token)
    {
        if (_vocabulary.IsEnd(token)) return state.IsComplete ? _end : null;
        ReadOnlySpan<byte> bytes = _vocabulary.BytesOf(token);
        if (bytes.IsEmpty) return null;
        bool isSpecial = _vocabulary.IsSpecial(token);
        ConstraintState? after = state;
        foreach (byte value in bytes)
        {
            if (after is null || (isSpecial && !after.IsFree)) return null; // a special token says no text
            after = after.Step(value);
        }

        return after;
    }

    /// <summary>Tokens that may come after a state.</summary>
    internal TokenMask MaskOf(ConstraintState state)
    {
        TokenMask mask = _vocabulary.Walk(state);
        if (state.IsFree)
        {
            foreach (int token in _vocabulary.Special)
            {
                if (After(state, token) is not null) mask.Add(token);
            }
        }

        foreach (int token in _vocabulary.EndTokens)
        {
            if (state.IsComplete) mask.Add(token);
            else mask.Remove(token);
        }

        lock (_lock)
        {
            if (++_masks > MostMasks) Forget();
        }

        return mask;
    }

    private ConstraintFrame Frame(GrammarNode node, int progress, ConstraintFrame? parent)
    {
        if (!_frames.TryGetValue((node, progress, parent), out ConstraintFrame? frame))
        {
            frame = new ConstraintFrame(_frameCount++, node, progress, parent);
            _frames.Add((node, progress, parent), frame);
        }

        return frame;
    }

    private ConstraintState State(ConstraintFrame[] threads, bool isComplete)
    {
        if (threads.Length == 0) return isComplete ? _end : _dead;
        (bool, int[]) key = (isComplete, [.. threads.Select(thread => thread.Id)]);
        if (_states.TryGetValue(key, out ConstraintState? state)) return state;
        if (_states.Count >= MostStates) Forget();
        return _states[key] = new ConstraintState(this, threads, isComplete);
    }

    // States in use stay valid; they find their futures again.
    private void Forget()
    {
        foreach (ConstraintState state in _states.Values) state.Forget();
        Start?.Forget();
        _states.Clear();
        _frames.Clear();
        _masks = 0;
    }

    // Collects the stacks that can be reached without a byte.
    private sealed class Closure(ConstraintAutomaton automaton)
    {
        private readonly SortedDictionary<int, ConstraintFrame> _threads = [];
        private readonly HashSet<(GrammarNode?, ConstraintFrame?)> _seen = [];
        private readonly Stack<(GrammarNode? Node, ConstraintFrame? Then)> _open = [];
        private bool _isComplete;

        // A node begins; afterwards comes the frame.
        public void Enter(GrammarNode node, ConstraintFrame? then) => Run(node, then);

        // What stood before the frame is complete.
        public void Leave(ConstraintFrame? then) => Run(null, then);

        public void Wait(ConstraintFrame thread)
        {
            if (_threads.Count < MostThreads) _threads[thread.Id] = thread;
        }

        public ConstraintState ToState() => automaton.State([.. _threads.Values], _isComplete);

        private void Run(GrammarNode? node, ConstraintFrame? then)
        {
            _open.Push((node, then));
            while (_open.TryPop(out (GrammarNode? Node, ConstraintFrame? Then) step))
            {
                if (!_seen.Add(step) || _threads.Count >= MostThreads) continue;
                if (step.Node is { } begins) Begin(begins, step.Then);
                else if (step.Then is { } continues) Continue(continues);
                else _isComplete = true;
            }
        }

        private void Begin(GrammarNode node, ConstraintFrame? then)
        {
            if (node.LeastDepth > DeepestNesting - (then?.Depth ?? 0)) return; // it could not be completed
            switch (node)
            {
                case BytesNode or UntilNode: Wait(automaton.Frame(node, 0, then)); break;
                case SequenceNode sequence: ItemOf(sequence, 0, then); break;
                case RepeatNode repeat: NextOf(repeat, 0, then); break;
                case ReferenceNode reference: _open.Push((reference.Target, then)); break;
                case NestedNode nested: _open.Push((nested.Inner, automaton.Frame(nested, 0, then))); break;
                case ChoiceNode choice:
                    for (int i = choice.Options.Length - 1; i >= 0; i--) _open.Push((choice.Options[i], then)); // the first on top
                    break;
            }
        }

        private void Continue(ConstraintFrame frame)
        {
            switch (frame.Node)
            {
                case SequenceNode sequence: ItemOf(sequence, frame.Progress, frame.Parent); break;
                case RepeatNode repeat: NextOf(repeat, frame.Progress, frame.Parent); break;
                default: _open.Push((null, frame.Parent)); break;
            }
        }

        private void ItemOf(SequenceNode sequence, int index, ConstraintFrame? then)
        {
            if (index == sequence.Items.Length) _open.Push((null, then));
            else _open.Push((sequence.Items[index], index + 1 == sequence.Items.Length ? then : automaton.Frame(sequence, index + 1, then)));
        }

        private void NextOf(RepeatNode repeat, int done, ConstraintFrame? then)
        {
            if (done >= repeat.Least) _open.Push((null, then));
            if (repeat.Most is { } most && done >= most) return;

            // Without an upper bound all counts from the lower one on are alike.
            int begun = repeat.Most is null ? Math.Min(done + 1, repeat.Least) : done + 1;
            _open.Push((repeat.Item, automaton.Frame(repeat, begun, then)));
        }
    }

    private sealed class StateKeys : IEqualityComparer<(bool IsComplete, int[] Threads)>
    {
        public bool Equals((bool IsComplete, int[] Threads) x, (bool IsComplete, int[] Threads) y) =>
            x.IsComplete == y.IsComplete && x.Threads.AsSpan().SequenceEqual(y.Threads);

        public int GetHashCode((bool IsComplete, int[] Threads) key)
        {
            HashCode hash = default;
            hash.Add(key.IsComplete);
            foreach (int id in key.Threads) hash.Add(id);
            return hash.ToHashCode();
        }
    }
}
