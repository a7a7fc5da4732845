using System.Runtime.InteropServices;
using Hadal.Checkpoints.Safetensors;
using Hadal.Numerics;

namespace Hadal.Tests.Checkpoints.Safetensors;

/// <summary>Files that another implementation wrote.</summary>
public sealed class SafetensorsGoldenTests
{
    [SkippableFact]
    public void Every_golden_file_opens_and_its_values_make_sense()
    {
        string folder = Goldens.Require("");
        string[] paths = Directory.GetFiles(folder, "*.safetensors", SearchOption.AllDirectories);
        Assert.True(paths.Length > 20);
        foreach (string path in paths)
        {
            using SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint.OpenFile(path);
            Assert.NotEmpty(checkpoint.Tensors);
            foreach (CheckpointTensor tensor in checkpoint.Tensors.Values) CheckValues(path, tensor);
        }
    }

    [SkippableFact]
    public void A_model_and_its_expected_results_have_the_shapes_that_belong_together()
    {
        using SafetensorsCheckpoint model = SafetensorsCheckpoint.Open(Goldens.Require("v3-base"));
        using SafetensorsFile expected = SafetensorsFile.Open(Goldens.Require("v3-base/expected.safetensors"));
        Assert.Equal("pt", model.Files[0].Metadata["format"]);
        SafetensorsEntry ids = expected.Entry("input_ids");
        SafetensorsEntry logits = expected.Entry("logits");
        long vocabulary = model.Tensor("lm_head.weight").Entry.Shape[0];
        Assert.Equal(ElementType.I64, ids.ElementType);
        Assert.Equal([.. ids.Shape, vocabulary], logits.Shape);
        foreach (long id in MemoryMarshal.Cast<byte, long>(expected.ReadBytes(ids, 0, (int)ids.ByteLength)))
        {
            Assert.InRange(id, 0, vocabulary - 1);
        }
    }

    private static void CheckValues(string path, CheckpointTensor tensor)
    {
        SafetensorsEntry entry = tensor.Entry;
        if (!ElementConversion.IsSupported(entry.ElementType))
        {
            Assert.Equal(ElementType.I64, entry.ElementType);
            foreach (long value in MemoryMarshal.Cast<byte, long>(tensor.File.ReadBytes(entry, 0, (int)entry.ByteLength)))
            {
                if (value is < 0 or > 1_000_000) Assert.Fail($"{path} {entry}: {value}");
            }

            return;
        }

        float[] values = new float[entry.ElementCount];
        tensor.File.ReadSingle(entry, 0, values);
        foreach (float value in values)
        {
            if (!(MathF.Abs(value) < 1e6f)) Assert.Fail($"{path} {entry}: {value}");
        }
    }
}
