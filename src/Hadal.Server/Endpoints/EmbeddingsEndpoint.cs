using System.Buffers.Binary;
using System.Text.Json;
using Hadal.Server.Contracts;
using Hadal.Server.Http;

namespace Hadal.Server.Endpoints;

/// <summary>POST /v1/embeddings: the mean of a text's last hidden states, as it is, not scaled to length 1.</summary>
internal static class EmbeddingsEndpoint
{
    public static ApiRoute Route { get; } = new("/v1/embeddings", "POST", Needs.Key | Needs.Model | Needs.Place);

    public static async Task HandleAsync(ApiCall call)
    {
        EmbeddingRequest body = await call.ReadAsync(ServerJson.Relaxed.EmbeddingRequest).ConfigureAwait(false);
        call.CheckMembers(body.Unknown, body.Model);
        if (body.EncodingFormat is not (null or "float" or "base64")) throw ApiException.BadValue("encoding_format", "must be 'float' or 'base64'");
        int size = call.Model.Engine.Model.Config.HiddenSize;
        if (body.Dimensions is { } dimensions && dimensions != size) throw ApiException.BadValue("dimensions", $"is {dimensions}, expected nothing or {size}, the model's own");
        IReadOnlyList<int[]> inputs = TokenInputs.Read(call, body.Input, "input", parseSpecial: false);

        // One after the other: the inputs of one request don't crowd out those of others.
        List<EmbeddingData> data = [];
        foreach (int[] ids in inputs)
        {
            float[] mean = await call.Model.Engine.EmbedAsync(ids, call.Cancellation).ConfigureAwait(false); // [hidden]
            data.Add(new EmbeddingData("embedding", data.Count, body.EncodingFormat == "base64" ? Base64(mean) : Numbers(mean)));
        }

        int tokens = inputs.Sum(ids => ids.Length);
        await call.WriteAsync(new EmbeddingResponse("list", data, call.Model.Id, new EmbeddingUsage(tokens, tokens)), ServerJson.Relaxed.EmbeddingResponse).ConfigureAwait(false);
    }

    private static JsonElement Numbers(float[] values) => JsonSerializer.SerializeToElement(values, ServerJson.Relaxed.SingleArray);

    private static JsonElement Base64(float[] values)
    {
        byte[] bytes = new byte[values.Length * sizeof(float)];
        for (int i = 0; i < values.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), values[i]);
        return JsonSerializer.SerializeToElement(Convert.ToBase64String(bytes), ServerJson.Relaxed.String);
    }
}
