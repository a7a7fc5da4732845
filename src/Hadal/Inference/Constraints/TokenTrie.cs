using Hadal.Tokenization;

namespace Hadal.Inference;

/// <summary>
/// The tokens of a vocabulary that are text, by their bytes: a trie whose nodes lie in an array in preorder. Tokens without bytes are not in it.
/// </summary>
internal sealed class TokenTrie
{
    private readonly Node[] _nodes;
    private readonly int[] _tokens; // in the order of their bytes, which is that of their nodes
    private readonly int _deepest;

    private TokenTrie(Node[] nodes, int[] tokens)
    {
        (_nodes, _tokens) = (nodes, tokens);
        foreach (Node node in nodes) _deepest = Math.Max(_deepest, node.Depth);
    }

    /// <summary>Sorts a vocabulary.</summary>
    public static TokenTrie Of(Tokenizer tokenizer)
    {
        int[] tokens = [.. Enumerable.Range(0, tokenizer.VocabSize).Where(id => !tokenizer.IsSpecial(id) && !tokenizer.IdToBytes(id).IsEmpty)];
        Array.Sort(tokens, (a, b) => tokenizer.IdToBytes(a).SequenceCompareTo(tokenizer.IdToBytes(b)) is var order && order != 0 ? order : a.CompareTo(b));
        List<Node> nodes = [];
        Stack<int> path = [];
        ReadOnlySpan<byte> previous = [];
        for (int t = 0; t < tokens.Length; t++)
        {
            ReadOnlySpan<byte> bytes = tokenizer.IdToBytes(tokens[t]);
            int shared = previous.CommonPrefixLength(bytes);
            while (path.Count > shared) nodes[path.Peek()] = nodes[path.Pop()] with { End = nodes.Count };
            for (int depth = shared; depth < bytes.Length; depth++)
            {
                path.Push(nodes.Count);
                nodes.Add(new Node { Value = bytes[depth], Depth = depth + 1, FirstToken = t });
            }

            nodes[path.Peek()] = nodes[path.Peek()] with { EndToken = t + 1 };
            previous = bytes;
        }

        while (path.Count > 0) nodes[path.Peek()] = nodes[path.Pop()] with { End = nodes.Count };
        return new TokenTrie([.. nodes], tokens);
    }

    /// <summary>Adds the tokens to a mask whose bytes may all follow a state.</summary>
    public void Walk(ConstraintState start, TokenMask mask)
    {
        ConstraintState[] path = new ConstraintState[_deepest + 1];
        path[0] = start;
        for (int n = 0; n < _nodes.Length;)
        {
            ref readonly Node node = ref _nodes[n];
            ConstraintState? state = path[node.Depth - 1].Step(node.Value);
            if (state is null)
            {
                n = node.End;
                continue;
            }

            path[node.Depth] = state;
            for (int t = node.FirstToken; t < node.EndToken; t++) mask.Add(_tokens[t]);
            n++;
        }
    }

    // Tokens [FirstToken, EndToken) end at the node (none if EndToken is 0); the nodes below it end before End.
    private readonly record struct Node
    {
        public byte Value { get; init; }

        public int Depth { get; init; }

        public int End { get; init; }

        public int FirstToken { get; init; }

        public int EndToken { get; init; }
    }
}
