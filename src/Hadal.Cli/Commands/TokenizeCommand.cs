using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Hadal.Tokenization;
using Hadal.Tokenization.Training;

namespace Hadal.Cli.Commands;

/// <summary>`hadal tokenize`: text to ids and back, and `hadal tokenize train`: a vocabulary from text.</summary>
internal static class TokenizeCommand
{
    public static Command Create()
    {
        Argument<string?> model = new("model")
        {
            Description = "Folder of a model, tokenizer.json, .tiktoken or .gguf file.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string?> file = new("--file") { Description = "File of text to encode, or with --decode of ids." };
        Option<string?> jsonl = new("--jsonl")
        {
            Description = "File with one JSON string a line; one JSON array of ids a line comes out, without BOS.",
        };
        Option<bool> decode = new("--decode")
        {
            Description = "Read ids from --file, separated by spaces, commas or brackets, and print their text.",
        };
        Option<bool> addSpecial = new("--add-special")
        {
            Description = "Add the tokens that the model puts before and behind a text, such as BOS.",
        };
        Option<bool> parseSpecial = new("--parse-special")
        {
            Description = "Read special tokens that are written in the text as those tokens.",
        };
        Option<string?> pattern = new("--pattern")
        {
            Description = "How a .tiktoken vocabulary cuts text: gpt-2, llama-bpe, qwen2, deepseek-v3, ...",
        };
        Option<bool> json = JsonOutput.Option();
        Command command = new("tokenize", "Turn text into ids and back; or train a vocabulary.")
        {
            model, file, jsonl, decode, addSpecial, parseSpecial, pattern, json, CreateTrain(),
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(model) is null) result.AddError("tokenize takes a model, or 'train'.");
            else if ((result.GetValue(file) is null) == (result.GetValue(jsonl) is null))
            {
                result.AddError("tokenize takes one of --file and --jsonl.");
            }
            else if (result.GetValue(decode) && result.GetValue(file) is null) result.AddError("--decode goes with --file.");
        });
        command.SetAction(parsed =>
        {
            Tokenizer tokenizer = Tokenizer.Load(parsed.GetValue(model)!, parsed.GetValue(pattern));
            bool special = parsed.GetValue(addSpecial), parses = parsed.GetValue(parseSpecial), asJson = parsed.GetValue(json);
            if (parsed.GetValue(jsonl) is { } lines) return EncodeLines(tokenizer, lines, special, parses);
            string path = parsed.GetValue(file)!;
            return parsed.GetValue(decode) ? Decode(tokenizer, path, asJson) : Encode(tokenizer, path, special, parses, asJson);
        });
        return command;
    }

    private static Command CreateTrain()
    {
        Option<string[]> input = new("--input")
        {
            Description = "Files of UTF-8 text.",
            Required = true,
            AllowMultipleArgumentsPerToken = true,
        };
        Option<int> size = new("--vocab-size") { Description = "Number of tokens: special ones, 256 bytes, merges.", Required = true };
        size.RequireInteger();
        Option<string> output = new("--output") { Description = "Folder for tokenizer.json and tokenizer_config.json.", Required = true };
        Option<string[]> special = new("--special")
        {
            Description = "Special tokens, which get the first ids.",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<string?> bos = new("--bos") { Description = "Which special token begins a text." };
        Option<string?> eos = new("--eos") { Description = "Which special token ends a text; the first, if nothing is said." };
        Option<string> pattern = new("--pattern")
        {
            Description = "How text is cut: gpt-2, llama-bpe, qwen2, deepseek-v3, ...",
            DefaultValueFactory = _ => "gpt-2",
        };
        Option<int> threads = new("--threads") { Description = "Threads that count; 0 takes one for each processor." };
        threads.RequireAtLeast(0);
        Option<bool> json = JsonOutput.Option();
        Command command = new("train", "Train a byte-level vocabulary.") { input, size, output, special, bos, eos, pattern, threads, json };
        command.SetAction(parsed =>
        {
            BpeTrainerOptions options = new()
            {
                VocabSize = parsed.GetValue(size),
                SpecialTokens = parsed.GetValue(special) ?? [],
                BosToken = parsed.GetValue(bos),
                EosToken = parsed.GetValue(eos),
                Pattern = parsed.GetValue(pattern)!,
                Threads = parsed.GetValue(threads),
            };
            return Train(parsed.GetRequiredValue(input), options, parsed.GetRequiredValue(output), parsed.GetValue(json));
        });
        return command;
    }

    private static int Encode(Tokenizer tokenizer, string path, bool addSpecial, bool parseSpecial, bool json)
    {
        string text = Encoding.UTF8.GetString(File.ReadAllBytes(path));
        int[] ids = tokenizer.Encode(text, addSpecial, parseSpecial);
        if (json) JsonOutput.Write(new { Tokens = ids.Length, Characters = text.Length, Ids = ids });
        else Console.Out.WriteLine(string.Join(' ', ids));
        return CommandLine.Ok;
    }

    private static int Decode(Tokenizer tokenizer, string path, bool json)
    {
        string[] numbers = File.ReadAllText(path).Split([' ', ',', '[', ']', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries);
        int[] ids = new int[numbers.Length];
        for (int i = 0; i < ids.Length; i++)
        {
            if (!int.TryParse(numbers[i], NumberStyles.None, CultureInfo.InvariantCulture, out ids[i]) || ids[i] >= tokenizer.VocabSize)
            {
                string found = numbers[i].Length > 40 ? numbers[i][..40] + "..." : numbers[i];
                throw new TokenizerException(path, $"number {i + 1} is '{found}', expected an id below {tokenizer.VocabSize}");
            }
        }

        if (json)
        {
            JsonOutput.Write(new { Tokens = ids.Length, Text = tokenizer.Decode(ids) });
            return CommandLine.Ok;
        }

        using Stream output = Console.OpenStandardOutput();
        output.Write(tokenizer.DecodeBytes(ids));
        return CommandLine.Ok;
    }

    private static int EncodeLines(Tokenizer tokenizer, string path, bool addSpecial, bool parseSpecial)
    {
        using StreamWriter output = new(Console.OpenStandardOutput(), bufferSize: 1 << 16);
        ProgressClock clock = new();
        long number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            output.Write($"[{string.Join(',', tokenizer.Encode(Text(path, number, line), addSpecial, parseSpecial))}]\n");
            if (!clock.IsDue()) continue;
            Console.Error.WriteLine($"{number:N0} lines");
        }

        return CommandLine.Ok;
    }

    private static string Text(string path, long number, string line)
    {
        try
        {
            if (JsonSerializer.Deserialize<string>(line) is { } text) return text;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new TokenizerException(path, $"line {number} is not a JSON string", e);
        }

        throw new TokenizerException(path, $"line {number} is null, expected a JSON string");
    }

    private static int Train(string[] input, BpeTrainerOptions options, string output, bool json)
    {
        ProgressClock clock = new();
        TrainedBpe trained;
        try
        {
            trained = BpeTrainer.Train(input, options, progress =>
            {
                if (!clock.IsDue()) return;
                Console.Error.WriteLine(progress.BytesRead < progress.BytesTotal
                    ? $"counting words: {progress.BytesRead:N0} of {progress.BytesTotal:N0} bytes"
                    : $"merging: {progress.Tokens:N0} of {progress.TokensTotal:N0} tokens");
            });
        }
        catch (ArgumentException e)
        {
            // The options are the caller's, so what contradicts itself was called wrongly.
            Console.Error.WriteLine($"hadal: {e.Message.Split(" (Parameter", 2)[0]}");
            return CommandLine.BadUsage;
        }

        trained.Write(output);
        if (trained.Tokens.Count < options.VocabSize)
        {
            Console.Error.WriteLine($"no pairs are left to merge: {trained.Tokens.Count:N0} tokens instead of {options.VocabSize:N0}");
        }

        int tokens = trained.Tokens.Count, merges = trained.Merges.Count;
        if (json) JsonOutput.Write(new { Tokens = tokens, Merges = merges, Seconds = clock.Elapsed.TotalSeconds, Folder = output });
        else Console.Out.WriteLine($"{tokens:N0} tokens, {merges:N0} merges in {clock.Elapsed.TotalSeconds:F1} s: {output}");
        return CommandLine.Ok;
    }
}
