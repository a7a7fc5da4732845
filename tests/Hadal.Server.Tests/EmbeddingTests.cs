using System.Text.Json;
using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Server.Tests.Testing;
using OpenAI.Embeddings;

namespace Hadal.Server.Tests;

public sealed class EmbeddingTests(SharedServer shared) : IClassFixture<SharedServer>
{
    [Fact]
    public async Task The_official_client_gets_the_mean_of_the_last_hidden_states()
    {
        const string Text = "Hello there, world";
        EmbeddingClient client = shared.Server.OpenAI().GetEmbeddingClient(ScriptedModel.ModelId);
        OpenAIEmbeddingCollection answer = await client.GenerateEmbeddingsAsync([Text, "la la "]);
        Assert.Equal(2, answer.Count);
        int[] ids = shared.Server.Model.Engine.Tokenizer.Encode(Text, addSpecial: true);
        AssertClose(Mean(ids), answer[0].ToFloats().ToArray());
        Assert.Equal(ids.Length + shared.Server.Model.Engine.Tokenizer.Encode("la la ", addSpecial: true).Length, answer.Usage.InputTokenCount);
        Assert.NotEqual(answer[0].ToFloats().ToArray(), answer[1].ToFloats().ToArray());
    }

    [Fact]
    public async Task Numbers_and_base64_and_ids_say_the_same()
    {
        int[] ids = shared.Server.Model.Engine.Tokenizer.Encode("Hello you", addSpecial: true);
        float[] numbers = Floats(await PostAsync("""{"input": "Hello you"}"""));
        Assert.Equal(numbers, Floats(await PostAsync($$"""{"input": [{{string.Join(',', ids)}}], "encoding_format": "float"}""")));
        Assert.Equal(numbers, Floats(await PostAsync($$"""{"input": [[{{string.Join(',', ids)}}]], "dimensions": {{numbers.Length}}}""")));
        byte[] bytes = Convert.FromBase64String((await PostAsync("""{"input": "Hello you", "encoding_format": "base64"}""")).GetProperty("data")[0].GetProperty("embedding").GetString()!);
        Assert.Equal(numbers, Enumerable.Range(0, bytes.Length / 4).Select(i => BitConverter.ToSingle(bytes, i * 4)));

        static float[] Floats(JsonElement answer) => [.. answer.GetProperty("data")[0].GetProperty("embedding").EnumerateArray().Select(e => e.GetSingle())];
    }

    [Theory]
    [InlineData("""{"input": "x", "dimensions": 8}""", "dimensions")]
    [InlineData("""{"input": "x", "encoding_format": "int8"}""", "encoding_format")]
    [InlineData("""{"input": ""}""", "input")]
    [InlineData("""{"input": []}""", "input")]
    [InlineData("""{"input": [1, "x"]}""", "input")]
    [InlineData("""{"input": [-1]}""", "input")]
    [InlineData("""{"input": [99999999]}""", "input")]
    [InlineData("""{"input": {"a": 1}}""", "input")]
    [InlineData("""{}""", "input")]
    public async Task What_can_not_be_is_refused_by_name(string body, string param)
    {
        Answer answer = await shared.Server.PostAsync("/v1/embeddings", body);
        Assert.Equal((400, param), (answer.Status, answer.Error.GetProperty("param").GetString()));
    }

    private float[] Mean(int[] ids)
    {
        using WorkerPool workers = new(1);
        using Graph g = new(workers, recording: false);
        Tensor hidden = shared.Server.Model.Engine.Model.Forward(g, TokenBatch.Of(ids)); // [tokens, hidden]
        int size = hidden.Shape.Last;
        return [.. Enumerable.Range(0, size).Select(c => (float)Enumerable.Range(0, ids.Length).Average(r => (double)hidden.Span[(r * size) + c]))];
    }

    private static void AssertClose(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-5);
    }

    private async Task<JsonElement> PostAsync(string body)
    {
        Answer answer = await shared.Server.PostAsync("/v1/embeddings", body);
        Assert.True(answer.Status == 200, answer.Text);
        return answer.Json;
    }
}
