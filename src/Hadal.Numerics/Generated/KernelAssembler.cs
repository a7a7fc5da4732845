using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hadal.Numerics;

/// <summary>
/// Assembles kernels one behind the other. A kernel is a function of one pointer, to a struct of its arguments; that leaves little of
/// the calling convention: on entry the pointer is brought into rcx, on both Linux and Windows. A kernel may change rax, rcx, rdx, r8 to
/// r11, all mask registers and zmm16 to zmm31; one that says so also zmm0 to zmm15, of which Windows wants parts back.
/// </summary>
internal sealed class KernelAssembler
{
    // Windows: the low halves of xmm6 to xmm15 belong to the caller.
    private const int FirstKept = 6, Kept = 10, KeptBytes = 16;

    private static readonly AssemblerRegisterXMM[] s_kept = [xmm6, xmm7, xmm8, xmm9, xmm10, xmm11, xmm12, xmm13, xmm14, xmm15];

    private readonly List<(Label Start, Action<nint> Set)> _kernels = [];
    private readonly List<(Label Start, byte[] Bytes)> _data = [];

    /// <summary>The instructions.</summary>
    public Assembler Code { get; } = new(64);

    /// <summary>Adds a kernel.</summary>
    /// <param name="emit">Writes its instructions, after which it returns.</param>
    /// <param name="set">Takes its address when all is assembled.</param>
    /// <param name="usesLowVectors">Whether it changes zmm0 to zmm15.</param>
    public void Add(Action<KernelAssembler> emit, Action<nint> set, bool usesLowVectors = false)
    {
        bool keeps = usesLowVectors && OperatingSystem.IsWindows();
        Label start = Code.CreateLabel();
        Code.Label(ref start);
        _kernels.Add((start, set));
        if (!OperatingSystem.IsWindows()) Code.mov(rcx, rdi);
        if (keeps) Code.sub(rsp, Kept * KeptBytes + 8);
        for (int i = 0; keeps && i < Kept; i++) Code.vmovups(__[rsp + i * KeptBytes], s_kept[i]);
        emit(this);
        for (int i = 0; keeps && i < Kept; i++) Code.vmovups(s_kept[i], __[rsp + i * KeptBytes]);
        if (keeps) Code.add(rsp, Kept * KeptBytes + 8);
        Code.vzeroupper();
        Code.ret();
    }

    /// <summary>Constants that lie behind the code, as the address of their first byte.</summary>
    public AssemblerMemoryOperand Data(byte[] bytes)
    {
        Label start = Code.CreateLabel();
        _data.Add((start, bytes));
        return __[start];
    }

    /// <summary>Puts everything into executable memory and tells each kernel's address.</summary>
    /// <exception cref="NotSupportedException">The system refuses such memory.</exception>
    public ExecutableMemory Assemble()
    {
        foreach ((Label start, byte[] bytes) in _data)
        {
            Label label = start;
            Code.Label(ref label);
            Code.db(bytes);
        }

        using MemoryStream stream = new();
        AssemblerResult result = Code.Assemble(new StreamCodeWriter(stream), rip: 0, BlockEncoderOptions.ReturnNewInstructionOffsets);
        ExecutableMemory memory = new(stream.ToArray());
        foreach ((Label start, Action<nint> set) in _kernels) set(memory.Address + (nint)result.GetLabelRIP(start));
        return memory;
    }
}
