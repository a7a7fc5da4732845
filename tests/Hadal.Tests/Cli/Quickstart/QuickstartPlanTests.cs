using Hadal.Cli.Quickstart;
using Hadal.Training;

namespace Hadal.Tests.Cli.Quickstart;

/// <summary>How a budget becomes numbers of steps.</summary>
public sealed class QuickstartPlanTests
{
    private static readonly MachineRates s_rates = new(12_000, 10_000);

    [Theory]
    [InlineData(10)]
    [InlineData(60)]
    public void Pretraining_and_reinforcement_fit_into_the_budget_at_the_measured_rates(double minutes)
    {
        QuickstartPlan plan = Plan(minutes, s_rates);
        double pretraining = (double)plan.BaseSteps * plan.Packs * QuickstartPlan.SequenceLength / s_rates.TrainedTokensPerSecond;
        double answers = plan.ZeroSteps * plan.ZeroProblems * plan.GroupSize * 60.0;
        double reinforcement = answers / s_rates.SampledTokensPerSecond + answers / s_rates.TrainedTokensPerSecond;
        double scores = 8.0 * (plan.Problems + plan.VoteProblems * 64) * 60 / s_rates.SampledTokensPerSecond;
        double share = (pretraining + reinforcement + scores) / (60 * minutes);
        Assert.InRange(share, 0.5, 0.9);
    }

    [Fact]
    public void More_time_or_a_faster_machine_give_more_of_everything()
    {
        QuickstartPlan plan = Plan(10, s_rates);
        foreach (QuickstartPlan more in (QuickstartPlan[])[Plan(60, s_rates), Plan(10, new MachineRates(60_000, 50_000))])
        {
            Assert.True(more.BaseSteps > plan.BaseSteps && more.ZeroSteps > plan.ZeroSteps && more.Documents > plan.Documents);
            Assert.True(more.SampleProblems > plan.SampleProblems && more.StudentSteps > plan.StudentSteps && more.VoteProblems >= plan.VoteProblems);
        }
    }

    [Fact]
    public void On_the_slowest_machine_every_stage_is_still_there()
    {
        QuickstartPlan plan = Plan(2, new MachineRates(10, 10));
        Assert.All([plan.BaseSteps, plan.ZeroSteps, plan.SampleProblems, plan.TunedSteps, plan.StudentSteps, plan.DistilledSteps, plan.VoteProblems], count => Assert.True(count > 0));
        Assert.Equal(512, plan.Problems);
    }

    [Fact]
    public void A_plan_is_read_as_it_was_written()
    {
        QuickstartPlan plan = Plan(10, s_rates);
        Assert.Equal(plan, RecipeReader.Parse<QuickstartPlan>(RecipeReader.ToJson(plan), "plan"));
    }

    [Fact]
    public void All_stages_of_a_plan_are_recipes_that_can_be_used()
    {
        Assert.Equal(QuickstartStages.Of(Plan(10, s_rates)).Count, QuickstartStages.Of(Plan(60, s_rates)).Count);
        Assert.Equal(QuickstartStages.Of(Plan(10, s_rates)).Count, QuickstartStages.Of(QuickstartPlan.OfSmoke(Options(10))).Count);
    }

    private static QuickstartPlan Plan(double minutes, MachineRates rates) => QuickstartPlan.Of(Options(minutes), rates);

    private static QuickstartOptions Options(double minutes) => new(TimeSpan.FromMinutes(minutes), "unused", 1, false);
}
