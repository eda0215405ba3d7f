reshape_runtime::migrations!();

fn main() {
    println!("{:?} {:?}", migrations::SET, migrations::LATEST);
}
