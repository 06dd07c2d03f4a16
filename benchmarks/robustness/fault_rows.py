"""The inputs that faults.py tries: shell commands, and what their answers must hold."""

from typing import NamedTuple

from fault_files import (
    ANALYSIS,
    CRAFT_GAME,
    CRAFT_SHAPE,
    CRAFT_SHARD,
    DIVERGES,
    HOSTILE,
    KO,
    RESUMED,
    SENDING_TWO,
    SET_UP,
    SOLVER,
)


class Row(NamedTuple):
    name: str
    command: str
    wanted: str = ""  # regular expressions, over the whole of both outputs and "exit code N"
    unwanted: str = ""
    files: dict = {}


TRAIN = "selfplay train dummy --actors 0 --out r > log 2>&1; "
LONG = (
    "a_long_folder_name_that_a_scheduler_makes_for_every_job/node0001/"
    "user_example/job_1234567890/scratch"
)
GO9 = "selfplay gtp mcts:20 --game go9"
VERTEX = "[A-J][1-9]"

ROWS = [
    Row(
        "1",
        (
            r"printf 'komi 6.5\ngenmove w\nquit\n' | selfplay gtp mcts:400 --game "
            r"go9"
        ),
        rf"= {VERTEX}",
        "= pass",
    ),
    Row(
        "3",
        (
            r"(printf 'komi 6.5\nkata-analyze w 50\n'; sleep 8; "
            r"printf '\nquit\n') | selfplay gtp mcts:400 --game go9"
        ),
        rf"= ?\ninfo move {VERTEX}",
        r"= ?\ninfo move pass",
    ),
    Row(
        "4",
        (
            rf"(printf 'play b pass\nplay w pass\ngenmove b\nplay b e5\n"
            rf"undo\nkata-analyze b 50\n'; sleep 6; printf '\nquit\n"
            rf"') | {GO9}"
        ),
        r"= ?\n\n= ?\n\n= \w+",
        r"\?",
    ),
    Row(
        "5",
        (
            rf"printf 'play b pass\ngenmove b\nclear_board\nplay b pass\n"
            rf"play b e5\nquit\n' | {GO9}"
        ),
        r"= ?\n\n= \w+\n\n= ?\n\n= ?\n\n= ?\n",
        r"\?",
    ),
    *(
        Row(
            name,
            rf"printf 'loadsgf a.sgf\nshowboard\nquit\n' | {GO9}",
            wanted,
            r"\?",
            {"a.sgf": text},
        )
        for name, text, wanted in (
            ("7", RESUMED, r"7 \. \. O O [\s\S]*6 \. \. X"),
            ("8", SENDING_TWO, r"5 \. \. \. \. X"),
            ("10", KO, r"5 \. \. \. \. X"),
            ("11", SET_UP, r"3 \. \. O \. \. \. O"),
            ("25", "(;GM[1]SZ[9]AB[cc:aa]AW[gg];W[ee])", r"7 X X X \. \."),
            ("40", "(;GM[1]SZ[9];B[ee];W[cc]", r"5 \. \. \. \. X"),
            ("41", "(GM[1]SZ[9];B[ee];;)", r"5 \. \. \. \. X"),
        )
    ),
    Row(
        "12",
        rf"printf 'komi 375\nkomi -200\nkomi 81.5\nquit\n' | {GO9}",
        r"= ?\n\n= ?\n\n= ?\n\n= ?\n",
        r"\?",
    ),
    Row(
        "13",
        (
            rf"(printf 'kata-analyze b 30 allow b D4,D5 1\n'; sleep 6; "
            rf"printf '\nkata-analyze b interval 30 maxmoves 2\n'; "
            rf"sleep 6; printf '\nquit\n') | {GO9} | cut -c1-60"
        ),
        r"= ?\ninfo move D[45]",
        (
            r"info move (?!D[45])\w+ .*\ninfo move (?!D[45])\w+ .*"
            r"\n\n= ?\ninfo move D4"
        ),
    ),
    Row(
        "14",
        (
            "unshare -m sh -c 'mount --bind $CHECKOUT $CHECKOUT && "
            "mount -o remount,bind,ro $CHECKOUT && HOME=/proc/none selfplay games "
            '&& printf "genmove b\\n" | HOME=/proc/none selfplay gtp random --game '
            "tictactoe'"
        ),
        r"tictactoe[^\n]*\n(.*\n)*= [abc][123]",
        "Traceback",
    ),
    Row(
        "16",
        (
            "selfplay gtp random --game tictactoe <&-; selfplay analysis mcts:5 "
            "--game go5 <&-; selfplay play tictactoe --second random <&-"
        ),
        "exit code 0",
        "Traceback|Error",
    ),
    Row(
        "17",
        (
            "selfplay train dummy --actors 0 --out so >&- ; echo code $?; "
            "selfplay games >&- ; echo code $?"
        ),
        r"code 0\n(.*\n)*code 0",
        "Traceback|Error",
    ),
    Row(
        "18",
        (
            "for i in 1 2; do selfplay train d.toml --actors 0 --out r; "
            "done; selfplay exam r --positions 50; selfplay train --resume --out "
            "r --actors 0 --set learner.learning_rate=0.001 --set learner.max_grad_norm=1 "
            "--set learner.weight_decay=0.01; echo code $?"
        ),
        r"diverged[\s\S]*learner.learning_rate[\s\S]*code 0",
        "Traceback",
        {"d.toml": DIVERGES},
    ),
    Row(
        "21",
        (
            "taskset -c 0 python -c 'from selfplay.actors.local_pool import actors_here;"
            ' print("actors", actors_here(0, "cpu", 1))\''
        ),
        r"actors 1\n",
        "Traceback",
    ),
    Row(
        "22",
        (
            r"(printf '\xef\xbb\xbf'; cat $CHECKOUT/selfplay/presets/dummy.toml) "
            r"> b.toml; selfplay train b.toml --actors 0"
        ),
        "play it with",
        "not TOML",
    ),
    Row(
        "23",
        r"printf '\xef\xbb\xbf1 name\r\n' | selfplay gtp random --game go5",
        "=1 selfplay",
        r"\?",
    ),
    Row("24", "selfplay train dummy --actors 0 --out 'x/dü my 1'", r"selfplay play 'x/dü my 1'"),
    Row(
        "26",
        (
            r"printf 'loadsgf a.sgf\nshowboard\nquit\n' | selfplay gtp random --game "
            r"hex5"
        ),
        r"= ?\n\n= ?\n",
        r"\?",
        {"a.sgf": "(;FF[4]GM[11]SZ[5];B[b1];W[swap-sides];W[c3];B[d2])"},
    ),
    Row(
        "27",
        (
            r"printf 'loadsgf a.sgf\nshowboard\nquit\n' | selfplay gtp random --game "
            r"hex5"
        ),
        r"= ?\n\n= ?\n",
        r"\?",
        {"a.sgf": "(;FF[4]GM[11]SZ[5]AB[c3]AW[b2];B[d2];W[a4])"},
    ),
    Row(
        "28",
        (
            """echo '{"id":"q","moves":[["B","(2,6)"]],"rules":"chinese","komi":7.5,"""
            """"boardXSize":9,"boardYSize":9,"maxVisits":3}' | """
            "selfplay analysis mcts:5 --game go9"
        ),
        '"moveInfos"',
        '"error"',
    ),
    Row("59", "selfplay train dummy --actors 1 --out r", "play it with", "Traceback|mismatch"),
    Row(
        "60",
        (f"mkdir -p {LONG}; export TMPDIR=$PWD/{LONG}; selfplay train dummy --actors 2 --out r"),
        "play it with",
        "Traceback|OSError",
    ),
    Row(
        "64",
        (
            "mkdir a b; mv chomp.py my.toml a; cd b; selfplay train ../a/my.toml "
            "--actors 0 --set generations=1"
        ),
        "play it with|play it with",
        "no such game file|Traceback",
        {
            "my.toml": (
                'game = "chomp.py"\ngenerations = 1\n[network]\nblocks = 1\n'
                "channels = 8\n[search]\nsimulations = [4]\n[actor]"
                "\ngames = 8\nin_process = 1\n[replay]\nrows_per_generation = 200\n"
                "window_min = 100\n[learner]\nthreads = 1\n[ledger]"
                "\ngames = 2\n"
            ),
            "chomp.py": "CHOMP",
        },
    ),
    Row(
        "file runs",
        TRAIN
        + (
            "python craft.py $PWD/evil.py; for c in 'play r' 'gtp r' 'exam r' 'arena "
            "r random' 'analysis r' 'train --resume --out r --actors 0' 'play r@2 "
            "--second random'; do selfplay $c < /dev/null; done; "
            "ls PWNED 2>&1"
        ),
        r"evil\.py[^\n]*--game|read it",
        "Traceback|\nPWNED",
        {"craft.py": CRAFT_GAME, "evil.py": HOSTILE},
    ),
    Row(
        "crafted shard",
        TRAIN
        + (
            "rm -r r/checkpoints/000[12] r/result.json; python craft.py; "
            "selfplay train dummy --actors 0 --out r"
        ),
        "safetensors",
        "Traceback|Segmentation",
        {"craft.py": CRAFT_SHARD},
    ),
    Row(
        "ledger byte",
        TRAIN
        + (
            r"printf '\xff\xfe{' | dd of=r/ledger.jsonl bs=1 seek=9 conv=notrunc "
            r"2> /dev/null; rm r/result.json; selfplay train dummy --actors 0 --out "
            r"r && grep -c generation r/ledger.jsonl"
        ),
        "\n[12]\n",
        "Traceback|codec",
    ),
    Row(
        "flood",
        "selfplay arena random \"gtp:yes ''\" --game tictactoe --games 2",
        "exit code 2",
        "Traceback",
    ),
    Row(
        "analysis",
        "selfplay analysis mcts:5 --game connect4 < queries",
        (
            r'"id":"last"[^\n]*moveInfos|moveInfos[^\n]*"id":"last"|'
            r'"last"'
        ),
        "Traceback",
        {"queries": ANALYSIS},
    ),
    Row(
        "nobody at address",
        ("time -p selfplay train dummy --actors 1 --address 127.0.0.1:1 --out r"),
        r"127\.0\.0\.1:1[\s\S]*real [0-2]?\d\.",
        "Traceback",
    ),
    Row(
        "links",
        TRAIN
        + (
            "echo precious > t; rm r/.lock r/result.json; ln -s ../t r/.lock; "
            "selfplay train dummy --actors 0 --out r; cat t; mkdir q; "
            "touch q/0001-x.safetensors; rm r/.lock; mv r/games g; "
            "ln -s ../q r/games; selfplay train dummy --actors 0 --out r; "
            "ls q"
        ),
        r"link[\s\S]*precious[\s\S]*link[\s\S]*0001-x",
        "Traceback",
    ),
    *(
        Row(
            f"blocks {n}",
            TRAIN
            + (f"python craft.py {n}; timeout 60 selfplay exam r/checkpoints/0002 --positions 5"),
            "exit code 2",
            "Traceback",
            {"craft.py": CRAFT_SHAPE},
        )
        for n in ("1000000000", "-1", "0")
    ),
    Row(
        "CA 70,000 times",
        rf"printf 'loadsgf a.sgf\nquit\n' | timeout 20 {GO9}",
        "exit code 0",
        "Traceback",
        {"a.sgf": "(;GM[1]SZ[9]" + "CA[" * 70000 + ")"},
    ),
    Row(
        "FIFO",
        rf"mkfifo f; printf 'loadsgf f\nquit\n' | timeout 20 {GO9}",
        r"\?[^\n]*f[\s\S]*exit code 0",
        "Traceback",
    ),
    Row(
        "config byte",
        TRAIN
        + (
            "sed -i 's/rate = 0.002/rate = 0.003/; s/seed = 1/seed = 3/' r/config.toml;"
            " selfplay train --resume --actors 0 --out r"
        ),
        r"config\.toml[\s\S]*exit code 2",
        "Traceback",
    ),
    Row(
        "deep TOML",
        (
            'python -c \'print("a=" + "{a=" * 500)\' > d.toml; '
            'selfplay train d.toml; python -c \'print("a=" + "[" *'
            " 200000)' > d.toml; selfplay train d.toml; python -c 'print(\"a.\" "
            '* 100000 + "a=1")\' > d.toml; selfplay train d.toml'
        ),
        "exit code 2",
        "Traceback",
    ),
    Row(
        "long name",
        (
            "selfplay play $(printf 'a%.0s' $(seq 300)); selfplay arena random "
            "$(printf 'a%.0s' $(seq 100000)) --game tictactoe"
        ),
        "exit code 2",
        "Traceback|a{1000}",
    ),
    Row(
        "channels",
        ("timeout 60 selfplay bench net --channels 1000000 --seconds 0.1 --repeats 1"),
        "exit code 2",
        "Traceback",
    ),
    Row(
        "actors",
        (
            "selfplay train dummy --actors 100000 --out r; echo code $?; "
            "selfplay train dummy --actors 1 --address '' --out r; "
            "echo code $?; selfplay train dummy --actors 1 --address ray://x:1 "
            "--out r"
        ),
        r"code 2[\s\S]*code 2[\s\S]*exit code 2",
        "Traceback",
    ),
    *(
        Row(
            f"own game: {name}",
            "selfplay check g.py",
            rf"g\.py[^\n]*{where}",
            "Traceback|free\\(\\)",
            {"g.py": text},
        )
        for name, text, where in (
            ("syntax", "x = (\n", "1"),
            ("name", "a = 1\nb = c\n", "2"),
            ("null byte", "a = 1\n\0\n", ""),
            ("sys.exit", "import sys\nsys.exit()\n", ""),
            ("no GAME", "a = 1\n", "GAME"),
        )
    ),
    Row(
        "useless",
        (
            "selfplay train dummy --actors 0 --out r --set generations=12 --set "
            "learner.learning_rate=10 --set learner.value_weight=1000000 --set "
            "learner.max_grad_norm=1000000 --set learner.warmup=0"
        ),
        "diverged|learner.learning_rate",
        "Traceback",
    ),
    Row("solver", "python s.py", r"value -1\.0\nvalue 1\.0", "Traceback", {"s.py": SOLVER}),
    Row(
        "exam precision",
        TRAIN
        + (
            "selfplay exam r --positions 50 --precision fp32; selfplay exam r --positions "
            "50 --json --precision fp32"
        ),
        r"fp32[\s\S]*\"?precision\"?[^\n]*fp32",
        "Traceback",
    ),
    Row(
        "board not compiled",
        (
            r"rm -rf $CHECKOUT/games/__pycache__/gomoku.*; printf 'loadsgf a.sgf\n"
            r"quit\n' | selfplay gtp random --game gomoku9"
        ),
        "compiled first",
        "Traceback",
        {"a.sgf": "(;GM[4]SZ[15];B[hh];W[ii])"},
    ),
]
