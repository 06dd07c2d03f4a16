// open_spiel's tree search with an evaluator that costs nothing, for benchmarks/peers/peer_open_spiel.py, which compiles this
// file against the headers that open_spiel's wheel carries and loads beside the wheel's library, where the search is.
//
// The wheel's Python face offers only an evaluator that plays random games, and none that Python could write.

#include <memory>
#include <vector>

#include "open_spiel/algorithms/mcts.h"
#include "open_spiel/spiel.h"

namespace {

using namespace open_spiel;

// Zero for everyone, and the wheel's own uniform priors. With an observation to write, every leaf's is written to it.
class FreeEvaluator : public algorithms::RandomRolloutEvaluator {
 public:
  explicit FreeEvaluator(int observation_size) : RandomRolloutEvaluator(1, 1), observation_(observation_size) {}

  std::vector<double> Evaluate(const State& state) override {
    if (!observation_.empty()) state.ObservationTensor(state.CurrentPlayer(), absl::MakeSpan(observation_));
    return std::vector<double>(state.NumPlayers(), 0.0);
  }

 private:
  std::vector<float> observation_;
};

}  // namespace

// Searches the first position of a game from scratch, `searches` times, with PUCT: no solver, memory limit or noise.
// `simulations` counts the root's own evaluation. Returns how many simulations were made in all.
extern "C" long search(const char* game_name, int simulations, bool writes_input, int searches) {
  std::shared_ptr<const Game> game = LoadGame(game_name);
  std::unique_ptr<State> root = game->NewInitialState();
  auto evaluator = std::make_shared<FreeEvaluator>(writes_input ? game->ObservationTensorSize() : 0);
  algorithms::MCTSBot bot(*game, evaluator, /*uct_c=*/1.25, simulations, /*max_memory_mb=*/0, /*solve=*/false,
                          /*seed=*/1, /*verbose=*/false, algorithms::ChildSelectionPolicy::PUCT);
  long made = 0;
  for (int i = 0; i < searches; ++i) made += bot.MCTSearch(*root)->explore_count;
  return made;
}
