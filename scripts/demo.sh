#!/usr/bin/env bash
# The first half of the tour in a terminal: values and components, as in notebooks/00-tour, on a
# copy that goes at the end.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export ONEIRIC_STATE_DIR="$folder/state"
bold=$'\e[1m' plain=$'\e[0m'
[ -t 1 ] || { bold='' plain=''; }

say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
# An answer that is "no" (exit 1) and a fault that is shown (exit 2) are part of the story.
run() {
  local code=0
  printf '%s$ oneiric-lab %s%s\n' "$bold" "$*" "$plain"
  (cd "$folder/shop" && oneiric-lab "$@") || code=$?
  [ "$code" -le 2 ] || exit "$code"
}

oneiric-lab -q init --sample "$folder/shop"
say "A web shop as a team would have it. Its code runs once somebody has allowed it."
run allow
say "The first screen: profiles, layers, components."
run
say "Which value is in force in production, why, and what does it shadow?"
run --profile prod explain server.port
say "Which component, and why did the others lose?"
run explain adapter:cache
run explain service:payment
say "What would have to change for another one to win?"
run explain adapter:cache --why-not sqlite
say "What would a change do? Nothing happens yet."
run plan --set server.port=9090 --set adapters.selections.cache=sqlite
say "Do it: comments and layout stay, and the history knows."
run set server.port=9090
run history
say "Take it back: the file has the bytes it had."
run undo
say "A mistake is told with what, where, why and a next step."
run --set server.prot=1 check
say "Would every profile and combination start?"
run check --all-profiles
say "Which plugin cannot even be imported? Each is tried in a process of its own."
run plugins --probe --only adapter:cache
run explain adapter:cache
say "make lab opens a notebook that goes on: a swap under load, two releases, a signature."
