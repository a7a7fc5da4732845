using Hadal.Autograd;
using Hadal.Numerics;
using Hadal.Tests.Checkpoints;

namespace Hadal.Tests.Autograd;

/// <summary>Runs alone: it counts the native memory of the whole process.</summary>
[CollectionDefinition(nameof(GraphAllocationTests), DisableParallelization = true)]
[Collection(nameof(GraphAllocationTests))]
public sealed class GraphAllocationTests : IDisposable
{
    // A Tensor is an object of 80 bytes, an Operation of 32 to 256.
    private const int TensorBytes = 80, OperationBytes = 256;

    private static readonly SequenceRows[] s_sequences = [new(0, 3), new(3, 5)];

    private readonly WorkerPool _pool = new(1);
    private readonly Tensor _x = Parameter(1, new Shape(8, 12)), _w = Parameter(2, new Shape(12, 12)), _row = Parameter(3, new Shape(12));
    private readonly Tensor _one = Parameter(4, new Shape(1)), _rope = Parameter(5, new Shape(8, 2));
    private readonly Tensor _gate = Parameter(6, new Shape(4, 5, 12)), _down = Parameter(7, new Shape(4, 12, 5));
    private readonly Tensor _scores = Parameter(8, new Shape(8, 4));
    private readonly int[] _ids = [0, 1, 2, 3, 4, 5, 6, 7];
    private readonly float[] _weights = new float[96];
    private readonly Routes _routes = new(Tensor.Create(new Shape(8, 2), ElementType.I32), Parameter(9, new Shape(8, 2)));
    private readonly RotaryAngles _angles;

    public GraphAllocationTests() => _angles = new RotaryAngles(_scores, _scores, RotaryLayout.HalfSplit, _ids);

    public void Dispose() => _pool.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_warm_operation_allocates_its_tensors_and_its_record_and_nothing_else(bool recording)
    {
        AttentionShape attention = new(2, 2, 6, 6, 1);
        RoutingRule rule = new(ScoreFunction.Sigmoid, ExpertSelection.NoAuxiliaryLoss, 2, 2, 1, true, 1);
        ExpertWeights experts = new(_gate, _gate, _down);
        Measure("Linear", recording, 1, g => g.Linear(_x, _w, _row));
        Measure("RmsNorm", recording, 2, g => g.RmsNorm(_x, _row, 1e-6f));
        Measure("SwiGlu", recording, 1, g => g.SwiGlu(_x, _x));
        Measure("Add", recording, 1, g => g.Add(_x, _x));
        Measure("Columns", recording, 1, g => g.Columns(_x, 2, 3));
        Measure("Concatenate", recording, 1, g => g.Concatenate(_x, _x));
        Measure("Rows", recording, 2, g => g.Rows(_x, _ids));
        Measure("Rotary", recording, 1, g => g.Rotary(_x, 1, 0, _angles));
        Measure("Attention", recording, 2, g => g.Attention(attention, _x, _x, _x, s_sequences));
        Measure("LatentKeys", recording, 2, g => g.LatentKeys(_x, _rope, 2, 2).Keys);
        Measure("RouteToExperts", recording, 3, g => g.RouteToExperts(_scores, [], rule).Weights);
        Measure("RoutedExperts", recording, 9, g => g.RoutedExperts(_x, _routes, experts));
        Measure("CrossEntropy", recording, 3, g => g.CrossEntropy(_x, _ids));
        Measure("WeightedSum", recording, 2, g => g.WeightedSum(_x, _weights));
        Measure("AddScaled", recording, 1, g => g.AddScaled(_one, _one, 2));
    }

    [Fact]
    public void A_second_step_allocates_no_native_memory_and_little_managed_memory()
    {
        using Block block = new(_pool, tokens: 40);
        for (int i = 0; i < 3; i++) Step();

        // Finalizers of other tests would lower the count.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long native = NativeBuffer.LiveBytes, managed = GC.GetAllocatedBytesForCurrentThread();
        Step();
        managed = GC.GetAllocatedBytesForCurrentThread() - managed;
        MemoryBaseline.RequireSame(native);

        // 19 operations with 50 tensors, a gradient for each output and 8 borrowed tensors: 80 tensors. The hidden state of one token alone
        // would be 192 bytes, one matrix of the 40 tokens 7,680.
        Assert.InRange(managed, 1, 80 * TensorBytes + 19 * OperationBytes);

        void Step()
        {
            block.Recording.Backward(block.Forward(block.Recording));
            block.Recording.Reset();
        }
    }

    private void Measure(string name, bool recording, int tensors, Func<Graph, Tensor> operation)
    {
        using Graph g = new(_pool, recording);
        for (int i = 0; i < 3; i++)
        {
            operation(g);
            g.Reset();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        operation(g);
        long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        int bound = tensors * TensorBytes + (recording ? OperationBytes : 0);
        Assert.True(bytes <= bound, $"{name}: {bytes} bytes for {tensors} tensors, expected at most {bound}");
    }

    private static Tensor Parameter(int seed, Shape shape) => FiniteDifferences.Input(seed, shape);
}
