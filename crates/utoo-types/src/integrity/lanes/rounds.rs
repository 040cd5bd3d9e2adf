//! The rounds, once for all kinds of vectors: FIPS 180-4, 6.4.2.
//!
//! A macro, since what is compiled for a processor's vectors can only take functions along that are, too: none that are passed to
//! it, be they closures or methods of a trait. Closures that `from_fn` and `zip` call are none of those either, and what they hand
//! on is copied through memory: hence the plain loops.

/// `compress_vectors` in terms of a module's `Vector` and functions on it; each has the attribute.
macro_rules! rounds {
    ($lanes:literal, $vectors:meta) => {
        /// Takes as many blocks of each lane as the first has.
        #[inline]
        #[$vectors]
        fn compress_vectors(state: &mut State<$lanes>, lanes: &[&[Block]; $lanes]) {
            let mut vectors = [of_lanes([0; $lanes]); 8];
            for (vector, word) in vectors.iter_mut().zip(state.iter()) {
                *vector = of_lanes(*word);
            }
            let mut schedule = [of_lanes([0; $lanes]); 16];
            for at in 0..lanes[0].len() {
                load(&mut schedule, lanes.map(|lane| &lane[at]));
                let mut mixed = vectors;
                for (turn, constants) in ROUNDS.as_chunks::<16>().0.iter().enumerate() {
                    if turn > 0 {
                        extend(&mut schedule);
                    }
                    for (words, constants) in
                        schedule.as_chunks::<8>().0.iter().zip(constants.as_chunks::<8>().0)
                    {
                        mix::<0>(&mut mixed, words[0], constants[0]);
                        mix::<1>(&mut mixed, words[1], constants[1]);
                        mix::<2>(&mut mixed, words[2], constants[2]);
                        mix::<3>(&mut mixed, words[3], constants[3]);
                        mix::<4>(&mut mixed, words[4], constants[4]);
                        mix::<5>(&mut mixed, words[5], constants[5]);
                        mix::<6>(&mut mixed, words[6], constants[6]);
                        mix::<7>(&mut mixed, words[7], constants[7]);
                    }
                }
                for word in 0..8 {
                    vectors[word] = add(vectors[word], mixed[word]);
                }
            }
            for (word, vector) in state.iter_mut().zip(vectors) {
                *word = to_lanes(vector);
            }
        }

        /// The words of a block of each lane.
        #[inline]
        #[$vectors]
        fn load(schedule: &mut [Vector; 16], blocks: [&Block; $lanes]) {
            let words = blocks.map(|block| block.as_chunks::<8>().0);
            for (word, vector) in schedule.iter_mut().enumerate() {
                *vector = of_lanes(words.map(|words| u64::from_be_bytes(words[word])));
            }
        }

        /// The next sixteen words of the message schedule, from the last sixteen.
        #[inline]
        #[$vectors]
        fn extend(schedule: &mut [Vector; 16]) {
            for at in 0..16 {
                let (early, late) = (schedule[(at + 1) % 16], schedule[(at + 14) % 16]);
                let early = xor(right::<1, 63>(early), right::<8, 56>(early), shift::<7>(early));
                let late = xor(right::<19, 45>(late), right::<61, 3>(late), shift::<6>(late));
                schedule[at] = add(add(schedule[at], early), add(schedule[(at + 9) % 16], late));
            }
        }

        /// One round. The eight variables do not move from round to round, their names do: the loop around this is unrolled, so
        /// that each is a register.
        #[inline]
        #[$vectors]
        fn mix<const ROUND: usize>(state: &mut [Vector; 8], word: Vector, constant: u64) {
            let place = |name: usize| (name + 8 - ROUND) % 8;
            let [a, b, c, d] = [state[place(0)], state[place(1)], state[place(2)], state[place(3)]];
            let [e, f, g, h] = [state[place(4)], state[place(5)], state[place(6)], state[place(7)]];
            let word = add(word, of_lanes([constant; $lanes]));
            let first = add(h, xor(right::<14, 50>(e), right::<18, 46>(e), right::<41, 23>(e)));
            let first = add(first, add(choice(e, f, g), word));
            let second = xor(right::<28, 36>(a), right::<34, 30>(a), right::<39, 25>(a));
            state[place(3)] = add(d, first);
            state[place(7)] = add(first, add(second, majority(a, b, c)));
        }
    };
}

pub(super) use rounds;
