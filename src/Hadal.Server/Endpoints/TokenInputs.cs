using System.Text.Json;
using Hadal.Server.Http;
using Hadal.Tokenization;

namespace Hadal.Server.Endpoints;

/// <summary>Inputs that are a text, several texts, token ids, or several arrays of token ids.</summary>
internal static class TokenInputs
{
    /// <summary>The token ids of each input.</summary>
    /// <param name="call">The request.</param>
    /// <param name="input">The member's value.</param>
    /// <param name="param">Its name.</param>
    /// <param name="parseSpecial">Whether texts of special tokens become those tokens.</param>
    /// <exception cref="ApiException">It is none of these, or too long.</exception>
    public static IReadOnlyList<int[]> Read(ApiCall call, JsonElement? input, string param, bool parseSpecial)
    {
        if (!JsonTexts.IsGiven(input)) throw ApiException.BadValue(param, "is missing");
        JsonElement given = input!.Value;
        IReadOnlyList<int[]> inputs = given.ValueKind switch
        {
            JsonValueKind.String => [Text(given)],
            JsonValueKind.Array when given.GetArrayLength() == 0 => throw ApiException.BadValue(param, "is empty"),
            JsonValueKind.Array when given[0].ValueKind == JsonValueKind.Number => [Ids(given)],
            JsonValueKind.Array when given.GetArrayLength() > call.Options.MaxInputs =>
                throw ApiException.BadValue(param, $"has {given.GetArrayLength()} inputs, expected at most {call.Options.MaxInputs}"),
            JsonValueKind.Array => [.. given.EnumerateArray().Select(One)],
            _ => throw WrongType(),
        };
        foreach (int[] ids in inputs)
        {
            if (ids.Length == 0) throw ApiException.BadValue(param, "has an input without tokens");
            Bounds.CheckPrompt(call, ids.Length, param);
        }

        return inputs;

        int[] One(JsonElement item) => item.ValueKind switch
        {
            JsonValueKind.String => Text(item),
            JsonValueKind.Array => Ids(item),
            _ => throw WrongType(),
        };

        int[] Text(JsonElement text)
        {
            Tokenizer tokenizer = call.Model.Engine.Tokenizer;
            int[] ids = tokenizer.Encode(JsonTexts.Read(text, param), addSpecial: true, parseSpecial);
            return ids.Length == 0 && tokenizer.BosId is { } bos ? [bos] : ids;
        }

        int[] Ids(JsonElement array)
        {
            int vocabulary = call.Model.Engine.Tokenizer.VocabSize, at = 0;
            Bounds.CheckPrompt(call, array.GetArrayLength(), param);
            int[] ids = new int[array.GetArrayLength()];
            foreach (JsonElement item in array.EnumerateArray())
            {
                if (item.ValueKind != JsonValueKind.Number) throw WrongType();
                if (!item.TryGetInt32(out int id) || id < 0 || id >= vocabulary)
                {
                    throw ApiException.BadValue(param, $"has a token id that does not exist, expected 0 to {vocabulary - 1}");
                }

                ids[at++] = id;
            }

            return ids;
        }

        ApiException WrongType() => ApiException.BadValue(param, "must be a string, an array of strings, token ids, or an array of arrays of token ids");
    }
}
