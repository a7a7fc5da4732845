using System.Text.Json;
using Hadal.Numerics;

namespace Hadal.Checkpoints.Safetensors;

/// <summary>
/// Parses and checks the JSON header of a safetensors file. Stricter than most readers, because a checkpoint with a doubtful header is
/// better refused by name than half read: no double names, no unknown fields, and the tensors must cover the data without a gap.
/// </summary>
internal static class SafetensorsHeader
{
    private static ReadOnlySpan<byte> MetadataName => "__metadata__"u8;

    /// <summary>Reads the header.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="header">The header's bytes.</param>
    /// <param name="dataLength">Bytes that follow the header in the file.</param>
    /// <param name="tensors">Takes the tensors, in the header's order.</param>
    /// <param name="metadata">Takes the metadata.</param>
    /// <exception cref="CheckpointException">The header breaks a rule of the format.</exception>
    public static void Parse(
        string path, ReadOnlySpan<byte> header, long dataLength,
        OrderedDictionary<string, SafetensorsEntry> tensors, OrderedDictionary<string, string> metadata)
    {
        CheckpointJson json = new(path, "header", header);
        bool hasMetadata = false;
        while (json.NextProperty())
        {
            if (json.Is(MetadataName))
            {
                if (hasMetadata) throw new CheckpointException(path, "the header has '__metadata__' twice, expected it at most once");
                hasMetadata = true;
                ReadMetadata(path, ref json, metadata);
                continue;
            }

            string name = json.Text();
            if (tensors.ContainsKey(name))
            {
                throw new CheckpointException(
                    path, $"the header has tensor {CheckpointException.Quote(name)} twice, expected every name once");
            }

            tensors.Add(name, ReadEntry(path, ref json, name, dataLength));
        }

        // Moves past the closing brace: the reader itself refuses anything but white space after it.
        json.Next();
        RequireFullCoverage(path, tensors, dataLength);
    }

    private static void ReadMetadata(string path, ref CheckpointJson json, OrderedDictionary<string, string> metadata)
    {
        json.Next();
        if (json.Token != JsonTokenType.StartObject)
        {
            throw new CheckpointException(path, $"'__metadata__' is {json.Found()}, expected an object of strings");
        }

        while (json.NextProperty())
        {
            string key = json.Text();
            json.Next();
            if (json.Token != JsonTokenType.String)
            {
                throw new CheckpointException(
                    path, $"'__metadata__' has {json.Found()} under {CheckpointException.Quote(key)}, expected a string");
            }

            if (!metadata.TryAdd(key, json.Text()))
            {
                throw new CheckpointException(
                    path, $"'__metadata__' has the key {CheckpointException.Quote(key)} twice, expected every key once");
            }
        }
    }

    private static SafetensorsEntry ReadEntry(string path, ref CheckpointJson json, string name, long dataLength)
    {
        json.Next();
        if (json.Token != JsonTokenType.StartObject) throw Wrong($"is {json.Found()}", "an object");

        ElementType? type = null;
        long[]? shape = null;
        (long Begin, long End)? range = null;
        while (json.NextProperty())
        {
            bool again;
            if (json.Is("dtype"u8))
            {
                again = type is not null;
                json.Next();
                if (!json.TryElementType(out ElementType known))
                {
                    throw Wrong($"has dtype {json.Found()}", $"one of {SafetensorsDtype.Known}");
                }

                type = known;
            }
            else if (json.Is("shape"u8))
            {
                again = shape is not null;
                shape = ReadCounts(ref json, "shape");
            }
            else if (json.Is("data_offsets"u8))
            {
                again = range is not null;
                long[] offsets = ReadCounts(ref json, "data_offsets");
                if (offsets.Length != 2) throw Wrong($"has {offsets.Length} data_offsets", "2");
                range = (offsets[0], offsets[1]);
            }
            else
            {
                throw Wrong($"has a field {CheckpointException.Quote(json.Text())}", "dtype, shape and data_offsets only");
            }

            if (again) throw Wrong("has a field twice", "dtype, shape and data_offsets once each");
        }

        if (type is null) throw Wrong("has no dtype", $"one of {SafetensorsDtype.Known}");
        if (shape is null) throw Wrong("has no shape", "an array of whole numbers");
        if (range is null) throw Wrong("has no data_offsets", "an array of two whole numbers");
        return CheckedEntry(type.Value, shape, range.Value.Begin, range.Value.End);

        // The reader is a parameter, since a local function can't capture what was passed by reference.
        long[] ReadCounts(ref CheckpointJson json, string field)
        {
            json.Next();
            if (json.Token != JsonTokenType.StartArray) throw Wrong($"has {field} {json.Found()}", "an array of whole numbers");
            List<long> counts = [];
            while (json.Next() && json.Token != JsonTokenType.EndArray)
            {
                if (!json.TryCount(out long count))
                {
                    throw Wrong($"has {json.Found()} in its {field}", "a whole number from 0 to 2^63 - 1");
                }

                counts.Add(count);
            }

            return [.. counts];
        }

        SafetensorsEntry CheckedEntry(ElementType elementType, long[] dimensions, long begin, long end)
        {
            if (begin > end || end > dataLength)
            {
                throw Wrong($"has data_offsets [{begin}, {end}]", $"a range within the {dataLength} bytes of data");
            }

            if (!TryCountElements(dimensions, elementType.SizeInBytes(), out long elements))
            {
                throw Wrong($"has shape {Shorten(dimensions)} of {SafetensorsDtype.Name(elementType)}", "less than 2^63 bytes");
            }

            long bytes = elements * elementType.SizeInBytes();
            if (bytes != end - begin)
            {
                throw Wrong(
                    $"has {end - begin} bytes of data",
                    $"{bytes} for shape {Shorten(dimensions)} of {SafetensorsDtype.Name(elementType)}");
            }

            return new SafetensorsEntry(name, elementType, dimensions, elements, begin, end);
        }

        CheckpointException Wrong(string found, string expected) =>
            new(path, $"tensor {CheckpointException.Quote(name)} {found}, expected {expected}");
    }

    /// <summary>The product of the dimensions, if it times the size of an element fits 63 bits.</summary>
    internal static bool TryCountElements(IReadOnlyList<long> shape, int elementSize, out long elements)
    {
        elements = 1;
        foreach (long dimension in shape)
        {
            if (Math.BigMul(elements, dimension, out long low) != 0 || low < 0) return false;
            elements = low;
        }

        return elements <= long.MaxValue / elementSize;
    }

    /// <summary>A shape for a message.</summary>
    internal static string Shorten(IReadOnlyList<long> shape) =>
        $"[{string.Join(", ", shape.Take(8))}{(shape.Count > 8 ? ", ..." : "")}]";

    // The format wants every byte of the data in exactly one tensor: a gap could hide content, an overlap could feed one tensor's
    // bytes to another, and both mean that the header doesn't belong to this data.
    private static void RequireFullCoverage(string path, OrderedDictionary<string, SafetensorsEntry> tensors, long dataLength)
    {
        SafetensorsEntry[] sorted = [.. tensors.Values];
        Array.Sort(sorted, static (a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        long covered = 0;
        foreach (SafetensorsEntry entry in sorted)
        {
            if (entry.Begin != covered)
            {
                string what = entry.Begin < covered ? "overlaps the tensor before it" : "leaves a gap after the tensor before it";
                throw new CheckpointException(
                    path,
                    $"tensor {CheckpointException.Quote(entry.Name)} {what}: it begins at byte {entry.Begin}, expected {covered}");
            }

            covered = entry.End;
        }

        if (covered != dataLength)
        {
            throw new CheckpointException(
                path, $"the file has {dataLength} bytes of data after its header, expected {covered}, where the last tensor ends");
        }
    }
}
