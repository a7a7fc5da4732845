using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hadal.Training;

/// <summary>How events are written: camel case, nothing for null, NaN and the infinities as strings of these names.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(TrainingEvent))]
internal sealed partial class MetricsJson : JsonSerializerContext
{
    /// <summary>The format of metrics.jsonl. Text is left as it is: the file is for people and programs, not for a web page.</summary>
    public static MetricsJson Lines { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        AllowOutOfOrderMetadataProperties = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
