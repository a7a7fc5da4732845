using Hadal.Models;

namespace Hadal.Training;

/// <summary>The losses of a step, added up over its micro-batches.</summary>
internal sealed class StepLosses
{
    /// <summary>Next-token cross entropies.</summary>
    public LossSum Main { get; private set; }

    /// <summary>Cross entropies of the prediction modules.</summary>
    public LossSum Modules { get; private set; }

    /// <summary>Balance losses, weighted.</summary>
    public double Balance { get; private set; }

    /// <summary>Divergences from the teacher.</summary>
    public LossSum Teacher { get; private set; }

    /// <summary>Takes in a micro-batch.</summary>
    public void Add(TrainingLoss loss, LossSum teacher)
    {
        Teacher = Sum(Teacher, teacher);
        Main = Sum(Main, loss.Main);
        Modules = Sum(Modules, loss.Modules);
        Balance += loss.Balance;

        static LossSum Sum(LossSum a, LossSum b) => new(a.Sum + b.Sum, a.Weight + b.Weight);
    }
}
