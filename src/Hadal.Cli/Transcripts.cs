using System.Text.Json;
using Hadal.Checkpoints;
using Hadal.Cli.Commands;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Rollouts;
using Hadal.Reinforcement.Tasks.Countdown;

namespace Hadal.Cli;

/// <summary>Answers with their marks as lines of JSON, so that others can check them.</summary>
internal static class Transcripts
{
    /// <summary>Writes every answer, one JSON object a line. The file appears whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="rollouts">[problems * samples], the answers to a problem one after the other.</param>
    /// <param name="samples">Answers to each problem.</param>
    /// <exception cref="CheckpointException">The file can't be written.</exception>
    public static void Write(string path, IReadOnlyList<Rollout> rollouts, int samples)
    {
        using AtomicFile file = new(path);
        Append(file, rollouts, samples);
        file.Commit();
    }

    /// <summary>Appends answers to an open file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="rollouts">[problems * samples], the answers to a problem one after the other.</param>
    /// <param name="samples">Answers to each problem.</param>
    /// <param name="model">Whose answers they are, where several share the file.</param>
    /// <param name="temperature">How they were sampled, where that differs within the file.</param>
    public static void Append(AtomicFile file, IReadOnlyList<Rollout> rollouts, int samples, string? model = null, float? temperature = null)
    {
        for (int i = 0; i < rollouts.Count; i++)
        {
            Rollout rollout = rollouts[i];
            CountdownProblem? countdown = rollout.Problem as CountdownProblem;
            file.Stream.Write(JsonSerializer.SerializeToUtf8Bytes(
                new
                {
                    Model = model,
                    Temperature = temperature,
                    rollout.Problem.Prompt,
                    countdown?.Numbers,
                    countdown?.Target,
                    Expected = countdown is null ? rollout.Problem.Answer : null,
                    Sample = i % samples,
                    Response = rollout.Text,
                    Answer = ResponseFormat.Answer(rollout.Text),
                    Correct = rollout.Reward.Accuracy == 1,
                    Tokens = rollout.Response.Length,
                    rollout.Truncated,
                },
                JsonOutput.Options));
            file.Stream.WriteByte((byte)'\n');
        }
    }
}
