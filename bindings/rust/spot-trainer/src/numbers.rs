//! Enums whose numbers are those of the header. A newer library may send one that this version has no name for.

/// `constants => as they are in C`, and `names` is the function of the library that gives the words for them.
macro_rules! numbers {
    ($(#[$about:meta])* $type:ident, $names:ident { $($(#[$note:meta])* $name:ident = $constant:ident,)+ }) => {
        $(#[$about])*
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type {
            $($(#[$note])* $name,)+
            /// A number that this version of the binding has no name for.
            Unknown(i32),
        }

        impl $type {
            /// From the number in C.
            pub fn from_raw(number: i32) -> Self {
                match number {
                    $(spot_trainer_sys::$constant => Self::$name,)+
                    other => Self::Unknown(other),
                }
            }

            /// The number in C.
            pub fn raw(self) -> i32 {
                match self {
                    $(Self::$name => spot_trainer_sys::$constant,)+
                    Self::Unknown(other) => other,
                }
            }

            /// The library's word for it.
            pub fn name(self) -> &'static str {
                unsafe { crate::border::constant(spot_trainer_sys::$names(self.raw())) }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(self.name())
            }
        }
    };
}

pub(crate) use numbers;
