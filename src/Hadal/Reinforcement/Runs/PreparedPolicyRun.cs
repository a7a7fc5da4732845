using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Rollouts;
using Hadal.Reinforcement.Tasks;
using Hadal.Tokenization;
using Hadal.Tokenization.Formats;
using Hadal.Training;

namespace Hadal.Reinforcement;

/// <summary>All that a recipe of reinforcement learning asks for, made and checked: folder, task, policy, reference, optimiser.</summary>
internal sealed class PreparedPolicyRun : IDisposable
{
    private readonly int? _saved;

    private PreparedPolicyRun(GroupPolicyRecipe recipe, RunFolder folder, CheckpointStore store, int? saved)
    {
        (Recipe, Folder, Store, _saved, Workers) = (recipe, folder, store, saved, new WorkerPool());
        try
        {
            Rates = recipe.LearningRate.Schedule();
            Task = recipe.Task.Create();
            HeldOut = recipe.Evaluation.Problems == 0 ? [] : Task.HeldOut(recipe.Evaluation.Problems);
            TokenizerConversion.CopyFiles(recipe.Model, folder.Tokenizer);
            Tokenizer = Tokenizer.Load(folder.Tokenizer);
            Prompts = new PromptWriter(recipe.Prompt, Tokenizer);
            Rewards = recipe.Rewards with { ThinkOpened = Prompts.OpensThinking };
            ElementType matrices = recipe.Precision == ProductPrecision.BF16 ? ElementType.BF16 : ElementType.F32;
            Model = ModelReader.Read(saved is { } step ? store.Folder(step) : recipe.Model, matrices, trainable: true);
            if (recipe.Policy.KlWeight > 0) Reference = ModelReader.Read(recipe.Model, matrices);
            Optimizer = new Optimizer(recipe.Optimizer, Model.Parameters, Workers);
            Sampler = new RolloutSampler(Model, Tokenizer, Workers, Prompts) { Precision = recipe.Precision };
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public GroupPolicyRecipe Recipe { get; }

    public RunFolder Folder { get; }

    public CheckpointStore Store { get; }

    public WorkerPool Workers { get; }

    public VerifiableTask Task { get; }

    public IReadOnlyList<Problem> HeldOut { get; }

    public Tokenizer Tokenizer { get; }

    public PromptWriter Prompts { get; }

    public RewardFunction Rewards { get; }

    public Transformer Model { get; }

    public Transformer? Reference { get; }

    public Optimizer Optimizer { get; }

    public RolloutSampler Sampler { get; }

    public LearningRateSchedule Rates { get; }

    /// <summary>Opens the folder and makes everything.</summary>
    public static PreparedPolicyRun Open(GroupPolicyRecipe recipe, ITrainingObserver observer, bool resume)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        GroupPolicyRecipeChecks.Check(recipe);
        RunFolder folder = RunFolder.Open(recipe.Output);
        try
        {
            CheckpointStore store = new(folder);
            int? saved = store.Begin(recipe, recipe.LearningRate, resume, observer);
            return new PreparedPolicyRun(recipe, folder, store, saved);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    public TrainingStart Start(int step)
    {
        ModelSize size = ModelSize.Of(Model);
        return new TrainingStart
        {
            Name = Recipe.Description ?? Recipe.Output,
            TotalSteps = Recipe.Steps,
            StepsBefore = step,
            Parameters = size.Main + size.Modules,
            ActiveParameters = size.ActivePerToken,
        };
    }

    public string Transcript(Rollout rollout) => Prompts.Text(rollout.Problem.Prompt) + rollout.Text;

    public string Save(int step, long tokens) => Store.Save(
        step, Model, RecipeReader.ToJson(new PolicyState(step, tokens, Optimizer.StepCount)), StateTensors(), Recipe.Checkpoints.Keep);

    /// <summary>Fills the optimiser with what was saved; null if the run begins.</summary>
    public PolicyState? Restore()
    {
        if (_saved is not { } step) return null;
        PolicyState state = RecipeReader.Parse<PolicyState>(Store.ReadState(step), Store.Folder(step));
        Store.ReadTensors(step, StateTensors());
        Optimizer.StepCount = state.OptimizerSteps;
        return state;
    }

    public void WriteModel()
    {
        ModelWriter.Write(Model, Folder.Model, overwrite: true);
        TokenizerConversion.CopyFiles(Folder.Tokenizer, Folder.Model);
    }

    public void Dispose()
    {
        // Any of them is missing if making the run failed half way.
        Optimizer?.Dispose();
        Reference?.Dispose();
        Model?.Dispose();
        Workers.Dispose();
        Folder.Dispose();
    }

    private IReadOnlyList<(string Name, Tensor Value)> StateTensors() => [.. CheckpointStore.StateTensors(Model, Optimizer)];
}

/// <summary>What a saved state has beside its tensors.</summary>
/// <param name="Step">Steps made.</param>
/// <param name="Tokens">Tokens sampled.</param>
/// <param name="OptimizerSteps">Updates made.</param>
internal sealed record PolicyState(int Step, long Tokens, long OptimizerSteps);
