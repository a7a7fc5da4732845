namespace Hadal.Numerics;

/// <summary>Work that is written once for all formats of blocks.</summary>
internal interface IBlockAction
{
    /// <summary>Does it for one format.</summary>
    void Run<TFormat>() where TFormat : struct, IBlockFormat;
}

/// <summary>From the name of a format of blocks to its code: the one place that knows both.</summary>
internal static class BlockFormats
{
    /// <exception cref="ArgumentException">The type's elements stand for themselves.</exception>
    public static void Apply<TAction>(ElementType type, ref TAction action) where TAction : struct, IBlockAction, allows ref struct
    {
        switch (type)
        {
            case ElementType.Q8_0:
                action.Run<Q8Format>();
                break;
            case ElementType.Q4_0:
                action.Run<Q4Format>();
                break;
            case ElementType.Q4_K:
                action.Run<Q4KFormat>();
                break;
            case ElementType.Q6_K:
                action.Run<Q6KFormat>();
                break;
            case ElementType.F8Scaled:
                action.Run<F8Format>();
                break;
            default:
                throw new ArgumentException($"{type} has no blocks", nameof(type));
        }
    }
}
